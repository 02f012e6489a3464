"""GraphiQL in a real browser that reaches no address but the server's."""

import shutil
from pathlib import Path

import pytest

from graph.http.pages import built
from tests.node.runner import Node

SCRIPT = Path(__file__).with_name("graphiql.mjs")


async def test_graphiql_works_without_a_network(server_url: str, node: Node) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    if not built():
        pytest.skip("GraphiQL is not built; make web does it")
    seen = await node.run(SCRIPT, server_url, chromium)
    assert seen["outside"] == []
    assert seen["faults"] == []
    assert "script-src 'self';" in seen["policy"]
    assert "LatestExecutions" in seen["first"].replace("\xa0", " ")
    assert seen["description"] == "How the service does."
    assert '"__typename": "Query"' in seen["result"].replace("\xa0", " ")
    assert "executions" in seen["fields"]
    assert seen["token"] == "a secret"
    assert "Seen" in seen["kept"]
    assert "a secret" not in seen["kept"]
