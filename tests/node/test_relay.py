"""Relay: its compiler takes the schema, and the service answers what it makes of an application."""

from pathlib import Path
from typing import Any

import pytest_asyncio

from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.node.runner import Node

SCRIPT = Path(__file__).with_name("relay.mjs")
SOURCES = Path(__file__).with_name("relay")
SCHEMA = Path(__file__).parents[2] / "schema.graphql"


@pytest_asyncio.fixture
async def compiled(node: Node, tmp_path: Path) -> dict[str, Any]:
    """The names of what was generated, and the documents that go to the service."""
    seen: dict[str, Any] = await node.run(SCRIPT, str(SCHEMA), str(SOURCES), str(tmp_path))
    return seen


async def test_the_compiler_makes_a_page_query_of_a_fragment(compiled: dict[str, Any]) -> None:
    made = ["ExecutionsPageQuery", "ExecutionsQuery", "ExecutionsTransitionMutation", "Executions_workflow"]
    assert compiled["artifacts"] == made
    assert "node(id: $id)" in compiled["documents"]["ExecutionsPageQuery"]


async def test_relay_refetches_a_connection_page_by_page(
    compiled: dict[str, Any], client: Client, make: Factory
) -> None:
    workflow = await make.workflow()
    made = {encode(Kind.EXECUTION, key) for key in await make.executions(3, workflow)}
    documents, id = compiled["documents"], encode(Kind.WORKFLOW, workflow)
    first = (await client.ask(documents["ExecutionsQuery"], id=id))["node"]["executions"]
    after = first["pageInfo"]["endCursor"]
    rest = (await client.ask(documents["ExecutionsPageQuery"], id=id, after=after))["node"]["executions"]
    assert {edge["node"]["id"] for edge in first["edges"] + rest["edges"]} == made
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)


async def test_a_mutation_of_relay_is_answered_by_a_member_of_the_union(
    compiled: dict[str, Any], client: Client, make: Factory
) -> None:
    id = encode(Kind.EXECUTION, await make.execution())
    document = compiled["documents"]["ExecutionsTransitionMutation"]
    started = (await client.ask(document, input={"executionId": id, "to": "RUNNING"}))["transitionExecution"]
    refused = (await client.ask(document, input={"executionId": id, "to": "PENDING"}))["transitionExecution"]
    assert started["execution"] == {"id": id, "status": "RUNNING"}
    assert refused["code"] == "INVALID_TRANSITION"
