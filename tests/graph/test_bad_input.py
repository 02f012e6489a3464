"""What can't be answered is refused with a code: never with HTTP 500, never with data that hides it."""

import json
from typing import Any
from uuid import UUID

import pytest

from db.enums import StateOp
from graph.cursors import encode as cursor
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.graph.refusals import codes

KEY = UUID("0190a3c4-0000-7000-8000-000000000001")
WORKFLOW, EXECUTION = encode(Kind.WORKFLOW, KEY), encode(Kind.EXECUTION, KEY)
STEP = encode(Kind.STEP, KEY, 7)
INSIDE = {  # the lists of an execution, and the type of their filters
    "children": "Execution",
    "steps": "Step",
    "logs": "Log",
    "checkpoints": "Checkpoint",
    "events": "Event",
}
LISTS = ["workflows", "executions", *INSIDE]
BY_START = cursor("executions:STARTED_AT:asc", ("2026-01-01T00:00:00Z", str(KEY)))
DAMAGED = cursor("executions:CREATED_AT:desc", ("no uuid",))
REVERSED = '{ gte: "2026-01-02T00:00:00Z", lt: "2026-01-01T00:00:00Z" }'
EMPTY_RANGE = '{ gt: "2026-01-01T00:00:00Z", lte: "2026-01-01T00:00:00Z" }'
NUL = '"a\\u0000b"'
LONG = "9" * 5000


def listed(field: str, arguments: str) -> str:
    """A document that reads a list of the root or of an execution, whose id is `$id`."""
    page = f"{field}({arguments}) {{ nodes {{ id }} }}"
    return (
        f"query ($id: ID!) {{ execution(id: $id) {{ id {page} }} }}" if field in INSIDE else f"{{ {page} }}"
    )


@pytest.mark.parametrize(
    "document",
    [
        f'{{ node(id: "{WORKFLOW}") {{ id }} }}',
        *(
            f'{{ node(id: "{encode(kind, KEY, 1)}") {{ id }} }}'
            for kind in Kind
            if kind.numbered and not kind.named
        ),
        f'{{ node(id: "{EXECUTION}") {{ id }} }}',
        f'{{ nodes(ids: ["{EXECUTION}"]) {{ id }} }}',
        f'{{ execution(id: "{EXECUTION}") {{ id }} }}',
        f'{{ workflow(by: {{ id: "{WORKFLOW}" }}) {{ id }} }}',
        '{ workflow(by: { name: "no such" }) { id } }',
        '{ workflow(by: { nameVersion: { name: "no such", version: "1" } }) { id } }',
        f'{{ executions(filter: {{ workflowId: "{WORKFLOW}" }}) {{ nodes {{ id }} }} }}',
        f'{{ executions(filter: {{ parentId: "{EXECUTION}" }}) {{ nodes {{ id }} }} }}',
    ],
)
async def test_what_is_not_there_is_not_found(client: Client, document: str) -> None:
    assert await codes(client, document) == {"NOT_FOUND"}


@pytest.mark.parametrize(
    "document",
    [
        *(f'{{ node(id: "{text}") {{ id }} }}' for text in ("", "1", "wf_", "\\u0000", f"step_{KEY.hex}")),
        "{ node(id: 1) { id } }",
        f"{{ node(id: {LONG}) {{ id }} }}",
        f'{{ node(id: "step_{KEY.hex}_{2**63}") {{ id }} }}',
        '{ nodes(ids: ["nonsense"]) { id } }',
        f'{{ execution(id: "{WORKFLOW}") {{ id }} }}',
        f'{{ execution(id: "{STEP}") {{ id }} }}',
        '{ execution(id: "nonsense") { id } }',
        f'{{ workflow(by: {{ id: "{EXECUTION}" }}) {{ id }} }}',
        '{ workflow(by: { id: "" }) { id } }',
        '{ workflow(by: { id: "nonsense" }) { id } }',
        f'{{ executions(filter: {{ workflowId: "{EXECUTION}" }}) {{ nodes {{ id }} }} }}',
        '{ executions(filter: { workflowId: "nonsense" }) { nodes { id } } }',
        f'{{ executions(filter: {{ parentId: "{WORKFLOW}" }}) {{ nodes {{ id }} }} }}',
    ],
    ids=lambda document: document[:60],
)
async def test_what_is_no_id_of_the_kind_is_bad_input(client: Client, document: str) -> None:
    assert await codes(client, document) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize("field", LISTS)
@pytest.mark.parametrize(
    "arguments",
    [
        "first: 1, last: 1",
        "first: -1",
        "last: -1",
        "first: 1001",
        "last: 1001",
        'after: ""',
        'after: "nonsense"',
        'before: "nonsense"',
        f"after: {NUL}",
        f'after: "{BY_START}"',
        f'before: "{BY_START}"',
    ],
)
async def test_a_page_that_can_not_be_is_bad_input(
    client: Client, make: Factory, field: str, arguments: str
) -> None:
    execution = encode(Kind.EXECUTION, await make.execution())
    assert await codes(client, listed(field, arguments), id=execution) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize("field", [field for field in LISTS if field != "logs"])
async def test_only_logs_come_by_more_than_500(client: Client, make: Factory, field: str) -> None:
    execution = encode(Kind.EXECUTION, await make.execution())
    assert await codes(client, listed(field, "first: 501"), id=execution) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize("cap", [-1, 1_000_000_001])
@pytest.mark.parametrize("counted", ["totalCount", "totalCountIsExact"])
async def test_a_count_has_a_cap_from_0(client: Client, counted: str, cap: int) -> None:
    assert await codes(client, f"{{ executions {{ {counted}(upTo: {cap}) }} }}") == {"BAD_USER_INPUT"}


def every(field: str, *conditions: str) -> list[tuple[str, str]]:
    """Several filters of one list."""
    return [(field, f"filter: {{ {condition} }}") for condition in conditions]


MANY = json.dumps(["a"] * 101)
TEXTS = {
    "workflows": ["name: { eq: $ }", "name: { startsWith: $ }", "category: [$]", "tags: { all: [$] }"],
    "executions": [
        *("workflowName: { eq: $ }", "workflowName: { startsWith: $ }", "correlationId: $"),
        *("tags: { any: [$] }", "tags: { all: [$] }", "attributes: { a: [$] }"),
    ],
    "steps": ["key: [$]", "keyStartsWith: $", "type: [$]"],
    "logs": ["stepKey: $", "text: $"],
    "checkpoints": ["stepKey: [$]", "label: [$]"],
}
IMPOSSIBLE = [
    *every("workflows", "status: []", "category: []", "priority: []", "environment: []", "tags: { any: [] }"),
    *every("workflows", f"createdAt: {REVERSED}", f"updatedAt: {EMPTY_RANGE}", f"category: {MANY}"),
    *every("workflows", 'name: { eq: "" }', 'name: { startsWith: "" }', f"tags: {{ all: {MANY} }}"),
    *every("executions", "status: []", "triggerType: []", "tags: { all: [] }", f"tags: {{ any: {MANY} }}"),
    *every("executions", f"createdAt: {REVERSED}", f"startedAt: {REVERSED}", f"completedAt: {EMPTY_RANGE}"),
    *every("executions", 'workflowName: { eq: "" }', 'workflowName: { startsWith: "" }'),
    *every("executions", f"attributes: {{ n: {2**64} }}", f"attributes: {{ n: {LONG} }}"),
    *every("executions", "attributes: { n: 1e999 }"),
    *every("steps", "status: []", "key: []", "type: []", 'keyStartsWith: ""', f"startedAt: {REVERSED}"),
    *every("logs", 'text: ""', f"loggedAt: {REVERSED}"),
    *every("checkpoints", "stepKey: []", "label: []"),
    *every("events", "type: []", f"at: {REVERSED}"),
    *((field, f"filter: {{ {text.replace('$', NUL)} }}") for field, texts in TEXTS.items() for text in texts),
]


@pytest.mark.parametrize(("field", "arguments"), IMPOSSIBLE, ids=lambda text: text[:50])
async def test_a_filter_that_nothing_can_pass_is_bad_input(
    client: Client, make: Factory, field: str, arguments: str
) -> None:
    execution = encode(Kind.EXECUTION, await make.execution())
    assert await codes(client, listed(field, arguments), id=execution) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize(
    "value",
    [{"n": 2**64}, {"n": 2**70}, {"n": -(2**63) - 1}, {"\0": 1}, {"a": ["\0"]}, [], "{}", 1],
)
async def test_json_that_could_not_be_kept_is_bad_input(client: Client, value: Any) -> None:
    document = "query ($a: JSONObject) { executions(filter: { attributes: $a }) { nodes { id } } }"
    assert await codes(client, document, a=value) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize("name", ["name: $", 'nameVersion: { name: "a", version: $ }'])
async def test_a_workflow_has_no_name_with_nul(client: Client, name: str) -> None:
    document = f"{{ workflow(by: {{ {name.replace('$', NUL)} }}) {{ id }} }}"
    assert await codes(client, document) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize("version", [-1, 3, 2**62])
async def test_a_state_that_never_was_is_bad_input(client: Client, make: Factory, version: int) -> None:
    await make.state(execution := await make.execution(), {"a": (StateOp.SET, 1)}, {"a": (StateOp.SET, 2)})
    document = "query ($id: ID!, $v: Long!) { execution(id: $id) { stateAt(version: $v) { version } } }"
    found = await codes(client, document, id=encode(Kind.EXECUTION, execution), v=version)
    assert found == {"BAD_USER_INPUT"}


async def test_a_missing_node_hides_no_other(client: Client, make: Factory) -> None:
    there = [encode(Kind.EXECUTION, key) for key in await make.executions(2)]
    ids = [there[0], EXECUTION, "nonsense", there[1], STEP]
    answer = await client.send("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)
    assert answer["data"]["nodes"] == [{"id": there[0]}, None, None, {"id": there[1]}, None]
    assert {(*error["path"], error["extensions"]["code"]) for error in answer["errors"]} == {
        ("nodes", 1, "NOT_FOUND"),
        ("nodes", 2, "BAD_USER_INPUT"),
        ("nodes", 4, "NOT_FOUND"),
    }


async def test_too_many_ids_are_bad_input(client: Client) -> None:
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    answer = await client.send(document, ids=[EXECUTION] * 501)
    assert answer["data"] == {"nodes": None}
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
