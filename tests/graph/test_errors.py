"""Every error has a code, a bug of ours shows nothing of our insides, and only bugs are logged."""

import json
import logging
from typing import Any
from uuid import UUID

import pytest

from db.queries import pages
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.graph.refusals import codes, errors

EXECUTION = encode(Kind.EXECUTION, UUID("0190a3c4-0000-7000-8000-000000000001"))
LONG = "9" * 5000


@pytest.mark.parametrize(
    "document",
    [
        "{ workflow(by: {}) { id } }",
        '{ workflow(by: { id: "a", name: "b" }) { id } }',
        "{ workflow(by: { name: null }) { id } }",
        "{ workflow { id } }",
        "{ workflows(filter: { name: {} }) { nodes { id } } }",
        '{ workflows(filter: { name: { eq: "a", startsWith: "b" } }) { nodes { id } } }',
        "{ node { id } }",
        "{ nothing }",
        "{ executions(first: 3000000000) { nodes { id } } }",
        f"{{ executions(first: {LONG}) {{ nodes {{ id }} }} }}",
        '{ executions(first: "1") { nodes { id } } }',
        "{ executions(filter: { status: [NONE] }) { nodes { id } } }",
        "{ executions(orderBy: { field: NAME }) { nodes { id } } }",
        "{ executions(orderBy: { direction: ASC }) { nodes { id } } }",
        "{ executions { totalCount(upTo: null) } }",
        "{ execution(id: null) { id } }",
        "query ($id: ID!) { execution(id: $other) { id } }",
    ],
    ids=lambda document: document[:60],
)
async def test_what_the_schema_does_not_know_is_invalid(client: Client, document: str) -> None:
    assert await codes(client, document) == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    "document",
    [
        *(
            f"{{ executions(filter: {{ attributes: {value} }}) {{ totalCount }} }}"
            for value in ("[1]", '"{}"')
        ),
        *(
            f"{{ executions(filter: {{ createdAt: {{ gte: {value} }} }}) {{ totalCount }} }}"
            for value in ('"2026-01-01T00:00:00"', '"yesterday"', "1", LONG)
        ),
        *(
            f'{{ execution(id: "{EXECUTION}") {{ stateAt(version: {value}) {{ version }} }} }}'
            for value in (2**63, -(2**63) - 1, 1.5, LONG)
        ),
    ],
    ids=lambda document: document[-60:],
)
async def test_a_scalar_out_of_its_range_is_refused(client: Client, document: str) -> None:
    assert await codes(client, document) <= {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    "variables",
    [{}, {"by": {}}, {"by": {"id": "a", "name": "b"}}, {"by": {"name": None}}, {"by": 1}, {"by": {"no": 1}}],
    ids=json.dumps,
)
async def test_variables_that_do_not_fit_are_bad_input(client: Client, variables: dict[str, Any]) -> None:
    document = "query ($by: WorkflowBy!) { workflow(by: $by) { id } }"
    assert await codes(client, document, **variables) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize(
    "document", ["{", "{ node(id: }", '{ node(id: "\\uD800") { id } }', "nonsense", '"', "{ a(b: 01) }"]
)
async def test_what_is_no_document_is_a_parse_error(client: Client, document: str) -> None:
    assert await codes(client, document) == {"GRAPHQL_PARSE_FAILED"}


async def broken(*arguments: Any) -> None:
    """Stands in for a function of `db` with a bug."""
    raise ValueError("the driver's own words")


async def test_a_bug_of_ours_shows_an_id_and_nothing_else(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pages, "fetch_page", broken)
    (error,) = await errors(client, "{ executions { nodes { id } } }")
    logged = [record.getMessage() for record in caplog.records if record.name == "flowkeep.graphql"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "driver" not in json.dumps(error)
    assert [error["extensions"]["correlationId"] in line for line in logged] == [True]


async def test_a_mistake_of_the_client_is_not_logged_as_a_fault(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    await codes(client, f'{{ execution(id: "{EXECUTION}") {{ id }} }}')
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


FAILING = {
    "executions": 'executions(after: "no cursor") { nodes { id } }',
    "nodes": 'nodes(ids: ["no id"]) { id }',
    "execution": 'execution(id: "no id") { id }',
    "executionStats": 'executionStats(bucket: "PT1S") { groups { count } }',
    "stepStats": "stepStats(first: -1) { groups { key } }",
    "errorGroups": "errorGroups(first: -1) { groups { message } }",
}


@pytest.mark.parametrize("failing", FAILING)
async def test_what_fails_at_the_root_leaves_the_rest_of_the_page(
    client: Client, make: Factory, failing: str
) -> None:
    await make.workflow(name="there")
    answer = await client.send(f"{{ workflows {{ nodes {{ name }} }} {FAILING[failing]} }}")
    assert {error["path"][0] for error in answer["errors"]} == {failing}
    assert answer["data"]["workflows"] == {"nodes": [{"name": "there"}]}
