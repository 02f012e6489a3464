"""Executions: created, moved by the table, deleted without a trace."""

from typing import Any

import pytest

from db.engine import Database
from db.enums import TERMINAL_EXECUTION, ExecutionStatus, WorkflowStatus
from db.transitions import EXECUTION_MOVES
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import checkpoint_id, exec_id, read_events, read_execution, read_state
from tests.graph.world import EPOCH, HOLDER, lease
from tests.rows import counts, everything, rows

FULL = {
    "input": {"order": [1, 2.5, None, "é"]},
    "attributes": {"customer": {"id": 7}},
    "tags": ["a", "b"],
    "triggerType": "WEBHOOK",
    "correlationId": "order-7",
}
NOTHING = f"wf_{'0' * 32}"
BAD_ENDS = ("FAILED", "CANCELLED", "TIMED_OUT")
RUNNABLE = (WorkflowStatus.ACTIVE, WorkflowStatus.DRAFT, WorkflowStatus.DEPRECATED)


async def test_everything_that_was_given_is_kept(client: Client, make: Factory) -> None:
    workflow, parent = encode(Kind.WORKFLOW, await make.workflow()), exec_id(await make.execution())
    made = await client.done(
        "createExecution", workflowId=workflow, parentId=parent, variables={"n": None}, **FULL
    )
    found = await read_execution(client, made["execution"]["id"])
    assert {name: found[name] for name in FULL} == FULL
    assert (found["status"], found["parent"], found["workflow"]) == (
        "PENDING",
        {"id": parent},
        {"id": workflow},
    )
    assert (await read_state(client, made["execution"]["id"]))["variables"] == {"n": None}


@pytest.mark.parametrize(("variables", "version"), [({}, 0), (None, 0), ({"a": 1, "b": [], "c": {}}, 1)])
async def test_first_variables_are_version_1(
    client: Client, make: Factory, variables: dict[str, Any] | None, version: int
) -> None:
    workflow = encode(Kind.WORKFLOW, await make.workflow())
    made = await client.done("createExecution", workflowId=workflow, variables=variables)
    state = await read_state(client, made["execution"]["id"])
    assert (state["version"], state["variables"]) == (version, variables or {})


@pytest.mark.parametrize(("version", "found"), [(None, "10"), ("9", "9"), ("10", "10")])
async def test_a_name_means_the_newest_version_unless_told(
    client: Client, make: Factory, version: str | None, found: str
) -> None:
    keys = {name: await make.workflow(name="orders", version=name) for name in ("9", "10")}
    made = await client.done("createExecution", workflowName="orders", workflowVersion=version)
    workflow = (await read_execution(client, made["execution"]["id"]))["workflow"]
    assert workflow == {"id": encode(Kind.WORKFLOW, keys[found])}


@pytest.mark.parametrize(
    ("named", "answer"),
    [
        ({}, "InvalidInput"),
        ({"workflowVersion": "1"}, "InvalidInput"),
        ({"workflowName": "none"}, "NotFound"),
        ({"workflowName": "there", "workflowVersion": "none"}, "NotFound"),
        ({"workflowName": "there", "workflowId": NOTHING}, "InvalidInput"),
        ({"workflowId": NOTHING, "workflowVersion": "1"}, "InvalidInput"),
        ({"workflowName": ""}, "InvalidInput"),
        ({"workflowName": "there", "variables": {"": 1}}, "InvalidInput"),
        ({"workflowName": "there", "variables": {"x" * 501: 1}}, "InvalidInput"),
    ],
)
async def test_a_workflow_is_named_one_way(
    client: Client, database: Database, make: Factory, named: dict[str, Any], answer: str
) -> None:
    await make.workflow(name="there")
    before = await everything(database)
    assert (await client.write("createExecution", **named))["__typename"] == answer
    assert await everything(database) == before


@pytest.mark.parametrize("status", WorkflowStatus)
async def test_the_workflows_status_allows_executions_or_not(
    client: Client, make: Factory, status: WorkflowStatus
) -> None:
    workflow = encode(Kind.WORKFLOW, await make.workflow(status=status))
    answer = await client.write("createExecution", workflowId=workflow)
    assert answer["__typename"] == ("ExecutionPayload" if status in RUNNABLE else "InvalidInput")


@pytest.mark.parametrize("to", ExecutionStatus)
@pytest.mark.parametrize("current", ExecutionStatus)
async def test_the_table_says_which_status_may_follow(
    client: Client, database: Database, make: Factory, current: ExecutionStatus, to: ExecutionStatus
) -> None:
    execution = exec_id(await make.execution(status=current))
    before = await everything(database)
    answer = await client.write("transitionExecution", executionId=execution, to=to)
    if to in EXECUTION_MOVES[current]:
        assert answer["execution"]["status"] == to
        assert (answer["execution"]["completedAt"] is not None) == (to in TERMINAL_EXECUTION)
    elif to == current:
        assert (answer["execution"]["status"], await everything(database) == before) == (to, True)
    else:
        assert (answer["__typename"], answer["current"], answer["to"]) == ("InvalidTransition", current, to)
        assert await everything(database) == before


@pytest.mark.parametrize("to", ["FAILED", "CANCELLED", "TIMED_OUT"])
async def test_a_bad_end_keeps_its_error(client: Client, make: Factory, to: str) -> None:
    error = {"message": "no", "code": "E1", "details": {"at": [1, None]}, "retriable": False}
    given = {"executionId": exec_id(await make.execution(**lease())), "to": to, "error": error}
    assert (await client.done("transitionExecution", **given, epoch=EPOCH))["execution"]["error"] == error


@pytest.mark.parametrize("result", [{"a": [1]}, [], "", 0, False, {"deep": {"er": None}}], ids=str)
async def test_a_good_end_keeps_its_result(client: Client, make: Factory, result: Any) -> None:
    given = {"executionId": exec_id(await make.execution(**lease())), "to": "COMPLETED", "result": result}
    assert (await client.done("transitionExecution", **given, epoch=EPOCH))["execution"]["result"] == result


ENDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("COMPLETED", {"result": {"a": 1, "b": 2}}, {"result": {"b": 2, "a": 1}}),
    ("COMPLETED", {"result": 1}, {}),
    *((to, {"error": {"message": "no"}}, {"error": {"message": "no"}}) for to in BAD_ENDS),
    *((to, {"error": {"message": "no"}}, {}) for to in BAD_ENDS),
]
OTHER_ENDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("COMPLETED", {"result": "first"}, {"result": "second"}),
    ("COMPLETED", {"result": 1}, {"result": True}),
    ("COMPLETED", {}, {"result": 0}),
    *((to, {"error": {"message": "no"}}, {"error": {"message": "no", "code": "E1"}}) for to in BAD_ENDS),
    *((to, {}, {"error": {"message": "no"}}) for to in BAD_ENDS),
]


@pytest.mark.parametrize(("to", "first", "again"), ENDS)
async def test_an_execution_that_ended_so_may_be_said_to_again(
    client: Client, database: Database, make: Factory, to: str, first: Any, again: Any
) -> None:
    execution = exec_id(await make.execution(status=ExecutionStatus.RUNNING))
    answer = await client.done("transitionExecution", executionId=execution, to=to, **first)
    before = await everything(database)
    assert await client.done("transitionExecution", executionId=execution, to=to, **again) == answer
    assert await everything(database) == before


@pytest.mark.parametrize(("to", "first", "again"), OTHER_ENDS)
async def test_an_execution_that_ended_so_takes_nothing_else(
    client: Client, database: Database, make: Factory, to: str, first: Any, again: Any
) -> None:
    execution = exec_id(await make.execution(status=ExecutionStatus.RUNNING))
    await client.done("transitionExecution", executionId=execution, to=to, **first)
    before = await everything(database)
    answer = await client.write("transitionExecution", executionId=execution, to=to, **again)
    assert (answer["__typename"], answer["current"], answer["to"]) == ("InvalidTransition", to, to)
    assert f"is {to} already, and another {next(iter(again))}" in answer["message"]
    assert await everything(database) == before


@pytest.mark.parametrize(
    ("to", "more"),
    [
        *((to, {"result": 1}) for to in ("PAUSED", "FAILED", "CANCELLED", "TIMED_OUT")),
        *((to, {"error": {"message": "no"}}) for to in ("PAUSED", "COMPLETED", "RUNNING")),
    ],
)
async def test_results_and_errors_go_with_their_ends(
    client: Client, database: Database, make: Factory, to: str, more: dict[str, Any]
) -> None:
    execution = exec_id(await make.execution(**lease()))
    before = await everything(database)
    answer = await client.write("transitionExecution", executionId=execution, to=to, **more)
    assert (answer["__typename"], await everything(database) == before) == ("InvalidInput", True)


@pytest.mark.parametrize(
    ("current", "to", "open_to_all"),
    [
        *(("RUNNING", to, False) for to in ("COMPLETED", "FAILED", "TIMED_OUT")),
        ("PENDING", "RUNNING", False),
        ("RUNNING", "CANCELLED", True),
        ("RUNNING", "PAUSED", True),
        ("PAUSED", "RUNNING", True),
        ("RUNNING", "RUNNING", True),
    ],
)
async def test_a_valid_lease_leaves_pausing_resuming_and_cancelling_to_all(
    client: Client, database: Database, make: Factory, current: str, to: str, open_to_all: bool
) -> None:
    execution = exec_id(await make.execution(**lease() | {"status": ExecutionStatus(current)}))
    before = await everything(database)
    answer = await client.write("transitionExecution", executionId=execution, to=to)
    if open_to_all:
        assert answer["execution"]["status"] == to
    else:
        assert (answer["__typename"], answer["holder"], answer["epoch"]) == ("StaleLease", HOLDER, EPOCH)
        assert await everything(database) == before


async def test_an_end_ends_the_lease_and_says_so(client: Client, make: Factory) -> None:
    execution = await make.execution(**lease(epoch=3))
    end = {"to": "COMPLETED", "result": 1, "epoch": 3}
    await client.done("transitionExecution", executionId=exec_id(execution), **end)
    found, (event,) = await read_execution(client, execution), await read_events(client, execution)
    assert found["lease"] == {"holder": None, "epoch": 3, "expiresAt": None}
    assert event["changes"] == {
        "status": {"before": "RUNNING", "after": "COMPLETED"},
        "leaseHolder": {"before": "engine", "after": None},
        "result": {"after": 1},
    }


async def test_a_pause_keeps_the_lease_and_the_start(client: Client, make: Factory) -> None:
    execution = await make.execution(**lease())
    before = await read_execution(client, execution)
    await client.done("transitionExecution", executionId=exec_id(execution), to="PAUSED")
    await client.done("transitionExecution", executionId=exec_id(execution), to="RUNNING")
    assert await read_execution(client, execution) == before


@pytest.mark.parametrize("status", [status for status in ExecutionStatus if status not in TERMINAL_EXECUTION])
async def test_only_what_has_ended_is_deleted(
    client: Client, database: Database, make: Factory, status: ExecutionStatus
) -> None:
    execution = exec_id(await make.execution(status=status))
    before = await everything(database)
    answer = await client.write("deleteExecution", executionId=execution)
    assert (answer["__typename"], await everything(database) == before) == ("InvalidInput", True)


async def test_a_deletion_leaves_nothing_of_it_and_all_of_the_others(
    client: Client, database: Database, make: Factory
) -> None:
    workflow = await make.workflow()
    kept = await counts_with(client, database, make, workflow)
    await client.done("deleteExecution", executionId=await whole(client, make, workflow))
    left = await counts(database)
    told = {"audit_entries": 1, "deleted_executions": 1}
    assert left == kept | told


async def test_children_and_forks_outlive_what_they_came_from(client: Client, make: Factory) -> None:
    workflow = await make.workflow()
    base = await make.execution(workflow, status=ExecutionStatus.COMPLETED)
    await make.checkpoints(base, 0)
    child = await make.execution(workflow, parent_id=base)
    fork = (await client.done("forkExecution", checkpointId=checkpoint_id(base, 1)))["execution"]["id"]
    await client.done("deleteExecution", executionId=exec_id(base))
    assert (await read_execution(client, child))["parent"] is None
    assert (await read_execution(client, fork))["forkedFrom"] is None


async def counts_with(client: Client, database: Database, make: Factory, workflow: Any) -> dict[str, int]:
    """How many rows a whole execution, that stays, has in each table."""
    await whole(client, make, workflow)
    return await counts(database)


async def whole(client: Client, make: Factory, workflow: Any) -> str:
    """An execution that has ended, with rows in every table of the tree."""
    execution = exec_id(await make.execution(workflow, status=ExecutionStatus.RUNNING))
    await client.done("commitStep", executionId=execution, step={"key": "a"}, state={"variables": {"n": 1}})
    await client.done("createCheckpoint", executionId=execution)
    await client.done("appendLogs", executionId=execution, entries=[{"message": "x", "stepKey": "a"}])
    await client.done("recordMetrics", executionId=execution, values={"cpu": 1}, stepKey="a")
    await client.done("transitionExecution", executionId=execution, to="COMPLETED")
    return execution


async def test_an_execution_begins_with_its_event(client: Client, database: Database, make: Factory) -> None:
    workflow = encode(Kind.WORKFLOW, await make.workflow())
    made = await client.done("createExecution", workflowId=workflow, variables={"b": 1, "a": 2})
    (event,) = await read_events(client, made["execution"]["id"])
    assert (event["seq"], event["type"], event["changes"]) == (
        1,
        "EXECUTION_CREATED",
        {"status": {"after": "PENDING"}, "workflow": {"after": workflow}, "variables": {"after": ["a", "b"]}},
    )
    assert [row["event_seq"] for row in await rows(database, "executions")] == [1]
