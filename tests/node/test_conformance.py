"""GraphQL over HTTP as its specification has it, by the audits of `graphql-http`."""

from pathlib import Path

from tests.node.runner import Node

SCRIPT = Path(__file__).with_name("conformance.mjs")
AUDITS = 61


async def test_every_audit_of_graphql_over_http_passes(server_url: str, node: Node) -> None:
    audits = await node.run(SCRIPT, server_url)
    assert [audit for audit in audits if audit["status"] != "ok"] == []
    assert len(audits) == AUDITS
