"""What errors give away: nothing of our insides, and nothing of the schema where it is not to be seen."""

import logging
import re
from typing import Any, NoReturn

import pytest

from db.queries import pages
from tests.client import Client
from tests.http.conftest import Serve

INTROSPECTION = {
    "schema": "{ __schema { types { name } } }",
    "type": '{ __type(name: "Execution") { fields { name } } }',
    "alias": "{ health { version } a: __schema { queryType { name } } }",
    "fragment": "{ ...F } fragment F on Query { __schema { types { name } } }",
    "inline fragment": "{ ... on Query { ... { __schema { types { name } } } } }",
    "skipped": "{ __schema @skip(if: true) { types { name } } health { version } }",
}


@pytest.mark.parametrize("name", INTROSPECTION)
async def test_introspection_can_be_off(serve: Serve, name: str) -> None:
    client = await serve(introspection=False)
    assert (await client.refused(INTROSPECTION[name]))[0] == "GRAPHQL_VALIDATION_FAILED"


async def test_a_typename_is_no_introspection(serve: Serve) -> None:
    client = await serve(introspection=False)
    assert await client.ask("{ __typename }") == {"__typename": "Query"}


MISSPELT: dict[str, tuple[str, dict[str, Any]]] = {
    "field": ("{ executionz { nodes { id } } }", {}),
    "nested field": ("{ executions { nodes { statuz } } }", {}),
    "field of another type": ('{ node(id: "x") { status } }', {}),
    "argument": ("{ executions(firzt: 1) { nodes { id } } }", {}),
    "type of a fragment": ('{ node(id: "x") { ... on Executionz { id } } }', {}),
    "type of a variable": ("query ($a: ExecutionFilterz) { executions(filter: $a) { nodes { id } } }", {}),
    "enum": ("{ executions(orderBy: {field: CREATED_ATT}) { nodes { id } } }", {}),
    "input field": ("{ executions(filter: {statuz: []}) { nodes { id } } }", {}),
    "directive": ("{ health @skipp(if: true) { version } }", {}),
    "enum in a variable": (
        "query ($a: ExecutionOrder) { executions(orderBy: $a) { nodes { id } } }",
        {"a": {"field": "CREATED_ATT"}},
    ),
    "input field in a variable": (
        "query ($a: ExecutionFilter) { executions(filter: $a) { nodes { id } } }",
        {"a": {"statuz": []}},
    ),
    "text for an enum": ('{ executions(orderBy: {field: "CREATED_AT"}) { nodes { id } } }', {}),
}


@pytest.mark.parametrize("name", MISSPELT)
async def test_nothing_is_suggested_without_introspection(serve: Serve, name: str) -> None:
    client = await serve(introspection=False)
    document, variables = MISSPELT[name]
    assert "Did you mean" not in str(await client.send(document, **variables))


@pytest.mark.parametrize("name", ["field", "argument", "enum in a variable"])
async def test_names_are_suggested_with_it(client: Client, name: str) -> None:
    document, variables = MISSPELT[name]
    assert "Did you mean" in str(await client.send(document, **variables))


WORDS = ["user", "execution", "exec", "workflowz", "nod", "nodez", "tokn", "tokenz", "audit", "helth", "step"]
SUGGESTED = re.compile(r"executions|workflows|nodes|tokens|auditLog\b|orphaned", re.ASCII)


@pytest.mark.parametrize("word", WORDS)
async def test_guessing_words_finds_no_names(serve: Serve, word: str) -> None:
    client = await serve(introspection=False)
    said = str(await client.send(f"{{ {word}x {{ a }} x(by: 1) {{ {word}x }} }}"))
    assert SUGGESTED.findall(said.replace(f"{word}x", "")) == []


async def _broken(*given: Any) -> NoReturn:
    raise RuntimeError("SELECT secret FROM executions: password=hunter2")


async def test_a_bug_goes_out_as_its_id_alone(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pages, "fetch_page", _broken)
    with caplog.at_level(logging.ERROR):
        (error,) = (await client.send("{ executions { nodes { id } } }"))["errors"]
    key = error["extensions"]["correlationId"]
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "correlationId": key}
    assert error["message"] == f"Something went wrong here. Its id in the logs: {key}."


async def test_the_log_has_the_id_and_the_traceback(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pages, "fetch_page", _broken)
    with caplog.at_level(logging.ERROR):
        (error,) = (await client.send("{ executions { nodes { id } } }"))["errors"]
    (record,) = caplog.records
    assert error["extensions"]["correlationId"] in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is RuntimeError


async def test_an_error_outside_of_resolvers_is_masked_too(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("graph.http.endpoint.parse_json", lambda body: 1 / 0)
    response = await client.http.post(client.url, json={"query": "{ __typename }"})
    assert (response.status_code, "division" in response.text) == (500, False)
    assert response.json()["errors"][0]["extensions"]["correlationId"] in caplog.text
