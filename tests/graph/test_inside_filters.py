"""Executions by what they have inside, and by where they come from."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from db.enums import Environment, ExecutionStatus, StateOp, StepStatus
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory

SINCE = (datetime.now(UTC) - timedelta(days=1)).isoformat()
LIST = "query ($filter: ExecutionFilter) { executions(filter: $filter) { nodes { id } totalCount } }"
ERROR = {"message": "no row 17", "code": "NO_ROW"}


async def world(make: Factory) -> dict[str, UUID]:
    """Executions that differ in one thing each."""
    staging = await make.workflow(environment=Environment.STAGING)
    plain = await make.execution(started_at=None)
    started = datetime.now(UTC)
    long: dict[str, Any] = {"started_at": started, "completed_at": started + timedelta(hours=2)}
    found = {
        "plain": plain,
        "staging": await make.execution(staging),
        "long": await make.execution(status=ExecutionStatus.COMPLETED, **long),
        "bob": await make.execution(triggered_by="bob"),
        "input": await make.execution(
            input={"region": "eu", "n": 1, "on": True, "none": None, "deep": {"a": 1}}
        ),
        "text": await make.execution(input="region"),
        "failed": await make.execution(status=ExecutionStatus.FAILED, error=ERROR),
        "step": await make.execution(),
        "state": await make.execution(),
        "appended": await make.execution(),
    }
    await make.steps(
        found["step"], key="load", status=StepStatus.FAILED, error={**ERROR, "message": "no row 4"}
    )
    await make.steps(found["plain"], key="load")
    changed = {"region": (StateOp.SET, "us")}, {"region": (StateOp.SET, "eu"), "gone": (StateOp.SET, 1)}
    await make.state(found["state"], *changed, {"gone": (StateOp.DELETE, None)})
    await make.state(
        found["appended"], {"region": (StateOp.SET, ["eu"])}, {"region": (StateOp.APPEND, ["eu"])}
    )
    await make.checkpoints(plain, 0)
    origin: dict[str, Any] = {"forked_from_execution_id": plain, "forked_from_seq": 1}
    return {**found, "fork": await make.execution(**origin)}


CASES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "environment": ({"environment": ["STAGING"]}, {"staging"}),
    "forked from": ({"forkedFromId": "plain"}, {"fork"}),
    "long": ({"duration": {"gte": "PT1H"}}, {"long"}),
    "short": ({"duration": {"lte": "PT1H"}}, {"failed"}),
    "triggered by": ({"triggeredBy": ["bob", "eve"]}, {"bob"}),
    "input text": ({"input": {"key": "region", "equals": "eu"}}, {"input"}),
    "input number": ({"input": {"key": "n", "equals": 1}}, {"input"}),
    "input number as text": ({"input": {"key": "n", "equals": "1"}}, set()),
    "input true": ({"input": {"key": "on", "equals": True}}, {"input"}),
    "input without the key": ({"input": {"key": "no", "equals": False}}, set()),
    "step status": ({"step": {"status": ["FAILED"]}}, {"step"}),
    "step key": ({"step": {"key": ["load"]}}, {"step", "plain"}),
    "step code": ({"step": {"errorCode": ["NO_ROW"]}}, {"step"}),
    "step of both": ({"step": {"key": ["load"], "status": ["COMPLETED"]}}, {"plain"}),
    "step code missing": ({"step": {"errorCode": ["OTHER"]}}, set()),
    "variable": ({"variable": {"key": "region", "equals": "eu"}}, {"state"}),
    "variable before": ({"variable": {"key": "region", "equals": "us"}}, set()),
    "variable gone": ({"variable": {"key": "gone", "equals": 1}}, set()),
    "two": ({"triggeredBy": ["bob"], "input": {"key": "n", "equals": 1}}, set()),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_is_inside_is_found(client: Client, make: Factory, name: str) -> None:
    keys = await world(make)
    given, wanted = CASES[name]
    if given.get("forkedFromId"):
        given = {"forkedFromId": encode(Kind.EXECUTION, keys["plain"])}
    data = await client.ask(LIST, filter={**given, "createdAt": {"gte": SINCE}})
    ids = {node["id"] for node in data["executions"]["nodes"]}
    assert ids == {encode(Kind.EXECUTION, keys[one]) for one in wanted}
    assert data["executions"]["totalCount"] == len(wanted)


async def test_an_error_s_kind_leads_to_its_executions(client: Client, make: Factory) -> None:
    keys = await world(make)
    groups = await client.ask("{ errorGroups { groups { fingerprint message executions } } }")
    (group,) = groups["errorGroups"]["groups"]
    assert (group["message"], group["executions"]) == ("no row <n>", 2)
    narrowed = {"errorFingerprint": group["fingerprint"], "createdAt": {"gte": SINCE}}
    data = await client.ask(LIST, filter=narrowed)
    ids = {node["id"] for node in data["executions"]["nodes"]}
    assert ids == {encode(Kind.EXECUTION, keys[one]) for one in ("failed", "step")}


@pytest.mark.parametrize("created", [{}, {"lt": SINCE}, {"gte": "2020-01-01T00:00:00Z"}])
async def test_without_a_window_it_is_refused(client: Client, created: dict[str, str]) -> None:
    code, message = await client.refused(LIST, filter={"triggeredBy": ["bob"], "createdAt": created or None})
    assert code == "BAD_USER_INPUT"
    assert "at most 31 days" in message


async def test_statistics_have_a_window_of_their_own(client: Client, make: Factory) -> None:
    await make.execution(triggered_by="bob")
    document = '{ executionStats(filter: {triggeredBy: ["bob"]}) { groups { count } } }'
    assert await client.ask(document) == {"executionStats": {"groups": [{"count": 1}]}}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"step": {}}, "empty `step`"),
        ({"step": {"status": []}}, "empty list"),
        ({"variable": {"key": "a", "equals": {"b": 1}}}, "`variable.equals` takes a string"),
        ({"input": {"key": "a", "equals": []}}, "`input.equals` takes a string"),
        ({"duration": {"gte": "PT2S", "lte": "PT1S"}}, "longer than"),
    ],
)
async def test_what_can_t_match_is_refused(client: Client, given: dict[str, Any], words: str) -> None:
    code, message = await client.refused(LIST, filter={**given, "createdAt": {"gte": SINCE}})
    assert code == "BAD_USER_INPUT"
    assert words in message


@pytest.mark.parametrize(("latest", "wanted"), [(True, [1, 3]), (False, [2])])
async def test_steps_by_their_latest_attempt(
    client: Client, make: Factory, latest: bool, wanted: list[int]
) -> None:
    rows = [("a", 1), ("b", 1), ("b", 2)]
    key = await make.execution()
    await make.records(key, steps=[{"seq": n, "key": k, "attempt": a} for n, (k, a) in enumerate(rows, 1)])
    document = """query ($id: ID!, $latest: Boolean) { execution(id: $id) {
      steps(filter: {latest: $latest}) { nodes { seq } } } }"""
    data = await client.ask(document, id=encode(Kind.EXECUTION, key), latest=latest)
    assert [node["seq"] for node in data["execution"]["steps"]["nodes"]] == wanted


async def test_a_definition_has_steps(client: Client, make: Factory) -> None:
    steps: list[dict[str, Any]] = [
        {"key": "a", "name": "First", "type": "http"},
        {"key": "b", "dependsOn": ["a"], "type": {"of": "an engine"}},
    ]
    key = await make.workflow(definition={"steps": steps})
    bare = await make.workflow(definition={})
    document = (
        "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Workflow { steps { key name type dependsOn } } } }"
    )
    data = await client.ask(document, ids=[encode(Kind.WORKFLOW, one) for one in (key, bare)])
    assert [node["steps"] for node in data["nodes"]] == [
        [
            {"key": "a", "name": "First", "type": "http", "dependsOn": []},
            {"key": "b", "name": None, "type": None, "dependsOn": ["a"]},
        ],
        [],
    ]


async def test_executions_are_counted_by_tag(client: Client, make: Factory) -> None:
    workflow = await make.workflow()
    await make.runs([{"tags": ["eu", "daily"]}, {"tags": ["eu"]}, {"tags": []}], workflow)
    found = await client.ask("{ executionStats(groupBy: [TAG]) { groups { tag count retries } } }")
    assert [(group["tag"], group["count"]) for group in found["executionStats"]["groups"]] == [
        ("daily", 1),
        ("eu", 2),
    ]


async def test_tags_and_attributes_change(client: Client, make: Factory) -> None:
    attributes = {"region": "eu", "shard": 3, "deep": {"a": 1, "b": 2}}
    key = await make.execution(status=ExecutionStatus.COMPLETED, tags=["a"], attributes=attributes)
    run, patch = encode(Kind.EXECUTION, key), {"shard": None, "deep": {"b": 3}, "new": True}
    await client.done("updateExecution", executionId=run, tags=["b", "c"], attributesPatch=patch)
    document = "query ($id: ID!) { execution(id: $id) { tags attributes events { nodes { type changes } } } }"
    found = (await client.ask(document, id=run))["execution"]
    after = {"region": "eu", "deep": {"a": 1, "b": 3}, "new": True}
    assert (found["tags"], found["attributes"]) == (["b", "c"], after)
    assert found["events"]["nodes"] == [
        {
            "type": "EXECUTION_UPDATED",
            "changes": {
                "tags": {"before": ["a"], "after": ["b", "c"]},
                "attributes": {"before": attributes, "after": after},
            },
        }
    ]


async def test_what_is_so_already_leaves_no_event(client: Client, make: Factory) -> None:
    run = encode(Kind.EXECUTION, await make.execution(tags=["a"]))
    await client.done("updateExecution", executionId=run, tags=["a"], attributesPatch={})
    found = await client.ask("query ($id: ID!) { execution(id: $id) { events { totalCount } } }", id=run)
    assert found["execution"]["events"]["totalCount"] == 0
