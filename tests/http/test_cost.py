"""What an operation costs is known before it runs, and reported when asked for."""

from typing import Any

import pytest

from tests.client import Client
from tests.http.conftest import Serve

# Rows of each page, times one and what belongs to each: by hand.
DASHBOARD = """query ($steps: Int = 10) { workflows(first: 20) { nodes { executions(first: 10) { nodes {
    steps(first: $steps) { nodes { logs(first: 10) { nodes { id } } } } } } } } }"""
STEPS = 20 * 10 * 10
SEARCH = '{ execution(id: "x") { logs(first: 7, filter: %s) { nodes { id } } } }'
SEARCH_FOR = f"query ($text: String) {SEARCH % '{text: $text}'}"
SEARCH_BY = f"query ($filter: LogFilter) {SEARCH % '$filter'}"
COSTS: dict[str, tuple[str, dict[str, Any], int]] = {
    "dashboard": (DASHBOARD, {}, 20 + 200 + STEPS + STEPS * 10),
    "a variable": (DASHBOARD, {"steps": 2}, 20 + 200 + 400 + 4_000),
    "a variable that is no int": (DASHBOARD, {"steps": 2.0}, 20 + 200 + 400 + 4_000),
    "a long count by a variable that is no int": (
        "query ($n: Int!) { workflows(first: 1) { totalCount(upTo: $n) } }",
        {"n": 1e9},
        1 + 1 + 1_000_000,
    ),
    "a search": (SEARCH % '{text: "x"}', {}, 1 + 100 + 7),
    "a search by a variable": (SEARCH_FOR, {"text": "x"}, 1 + 100 + 7),
    "no search by a variable": (SEARCH_FOR, {"text": None}, 1 + 7),
    "a search by a filter": (SEARCH_BY, {"filter": {"text": "x"}}, 1 + 100 + 7),
    "another filter": (SEARCH_BY, {"filter": {"minLevel": "WARN"}}, 1 + 7),
    "an empty page": (DASHBOARD, {"steps": 0}, 20 + 200),
    "page of default size": ("{ workflows { nodes { id } } }", {}, 50),
    "edges cost like nodes": ("{ workflows(last: 7) { edges { node { id } } } }", {}, 7),
    "both": ("{ workflows(last: 7) { edges { node { id } } nodes { id } } }", {}, 7),
    "merged fields take the larger page": (
        "{ executions(first: 3) { nodes { steps(first: 2) { nodes { id } } } } "
        "executions(first: 3) { nodes { steps(first: 2) { nodes { key } } } } }",
        {},
        3 + 6,
    ),
    "aliases cost apart": (
        "{ a: executions(first: 3) { nodes { id } } b: executions(first: 4) { nodes { id } } }",
        {},
        7,
    ),
    "a count": ("{ workflows(first: 1) { totalCount } }", {}, 1 + 1 + 10),
    "a long count": ("{ workflows(first: 1) { totalCount(upTo: 1000000) } }", {}, 1 + 1 + 1_000),
    "ids": ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["a", "b", "c"]}, 3),
    "ids in the text": ('{ nodes(ids: ["a", "b"]) { id } }', {}, 2),
    "lone objects": ("{ health { version } }", {}, 1),
    "meta": ("{ __typename }", {}, 0),
    "a fragment": (
        "{ workflows(first: 4) { ...F } } fragment F on WorkflowConnection "
        "{ nodes { executions(first: 5) { nodes { id } } } }",
        {},
        4 + 20,
    ),
}


@pytest.mark.parametrize("name", COSTS)
async def test_the_cost_is_reported(client: Client, name: str) -> None:
    document, variables, rows = COSTS[name]
    body = {"query": document, "variables": variables, "extensions": {"cost": True}}
    answer = (await client.http.post(client.url, json=body)).json()
    assert answer["extensions"]["cost"]["rows"] == rows


async def test_nobody_is_told_who_did_not_ask(client: Client) -> None:
    assert "extensions" not in await client.send("{ __typename }")


@pytest.mark.parametrize(("first", "refused"), [(40, False), (41, True)])
@pytest.mark.parametrize("document", ["{ workflows(first: %s) { nodes { id } } }"])
async def test_a_page_over_the_limit_is_refused(
    serve: Serve, document: str, first: int, refused: bool
) -> None:
    client = await serve(max_cost=40)
    answer = await client.send(document % first)
    assert ("errors" in answer and answer["errors"][0]["extensions"]["code"] == "TOO_COMPLEX") is refused


@pytest.mark.parametrize(("variables", "refused"), [({}, False), ({"n": 40}, False), ({"n": 41}, True)])
async def test_variables_count_for_the_limit(serve: Serve, variables: dict[str, int], refused: bool) -> None:
    client = await serve(max_cost=40)
    answer = await client.send("query ($n: Int = 5) { workflows(first: $n) { nodes { id } } }", **variables)
    assert ("errors" in answer) is refused
