"""The README's snippets for clients do as they stand, at another address."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.factories import Factory
from tests.node.runner import Node
from tests.serving import serving, settings_of

ROOT = Path(__file__).parents[2]
CLIENTS = (ROOT / "README.md").read_text().partition("\n## Clients\n")[2].partition("\n## ")[0]
USUAL = "http://127.0.0.1:8000/graphql"


@pytest_asyncio.fixture
async def guarded_url(worker_url: str) -> AsyncIterator[str]:
    """An application that wants to know who calls."""
    async with serving(settings_of(worker_url, auth="required")) as url:
        yield url


@pytest_asyncio.fixture
async def token(make: Factory) -> str:
    """A token that may read."""
    return await make.token()


def snippet(language: str, word: str, url: str = USUAL) -> str:
    """The snippet in a language with a word in it, for the server at `url`."""
    blocks = re.findall(rf"```{language}\n(.*?)```", CLIENTS, re.DOTALL)
    (found,) = [block for block in blocks if word in block]
    return str(found).replace(USUAL, url)


async def printed(token: str, *command: str) -> str:
    """What a command that succeeds prints, with a token in its environment."""
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "FLOWKEEP_TOKEN": token}, stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0
    return output.decode()


async def test_the_snippet_for_curl(guarded_url: str, token: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    answer = await printed(token, "sh", "-c", snippet("sh", "curl", guarded_url))
    assert answer.startswith('{"data":{"health":{"version":')


async def test_the_snippet_for_gql(guarded_url: str, token: str) -> None:
    answer = await printed(token, sys.executable, "-c", snippet("python", "gql", guarded_url))
    assert answer.startswith("{'health': {'version':")


async def test_the_snippet_for_urql_and_graphql_ws(guarded_url: str, token: str, node: Node) -> None:
    script = node.folder / "snippet.mjs"
    script.write_text(snippet("js", "graphql-ws", guarded_url))
    answers = (await printed(token, "node", str(script))).splitlines()
    assert len(answers) == 2
    assert all(answer.startswith('{"health":{"version":') for answer in answers)


async def test_the_snippet_for_relay(node: Node, tmp_path: Path) -> None:
    sources, work = tmp_path / "sources", tmp_path / "work"
    sources.mkdir()
    work.mkdir()
    (sources / "Executions.js").write_text(snippet("js", "fragment"))
    script = Path(__file__).with_name("relay.mjs")
    compiled = await node.run(script, str(ROOT / "schema.graphql"), str(sources), str(work))
    assert compiled["artifacts"] == ["ExecutionsPageQuery", "Executions_workflow"]
