"""Steps: attempts start, end as the table allows, and are tried again as others."""

from typing import Any

import pytest

from db.engine import Database
from db.enums import TERMINAL_STEP, ExecutionStatus, StepStatus
from db.transitions import STEP_MOVES
from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import exec_id, read_attempts, read_events, read_steps, step_id
from tests.rows import everything

ERROR = {"message": "no", "code": "E1", "details": {"at": [1, None, "é"]}, "retriable": True}
ENDS = [status for status in StepStatus if status not in (StepStatus.PENDING, StepStatus.RUNNING)]
BAD_ENDS = ["RETRYING", "FAILED", "CANCELLED", "TIMED_OUT"]
DEFINED = {"steps": [{"key": "a"}, {"key": "b"}, {"key": "c", "dependsOn": ["b"]}]}
FULL = {"key": "a", "name": "Step A", "type": "http", "input": {"x": [1, None]}, "dependsOn": ["b", "c"]}


async def test_everything_that_is_said_of_a_step_is_kept(client: Client, make: Factory) -> None:
    execution = await make.execution(await make.workflow(definition=DEFINED), status=ExecutionStatus.RUNNING)
    await client.done("startStep", executionId=exec_id(execution), **FULL)
    (step,) = await read_steps(client, execution)
    assert {name: step[name] for name in FULL} == FULL
    assert (step["attempt"], step["status"], step["startedAt"] is not None) == (1, "RUNNING", True)


async def test_a_step_goes_by_its_key_where_nothing_else_is_said(client: Client, make: Factory) -> None:
    step = (await client.done("startStep", executionId=exec_id(await make.execution()), key="a"))["step"]
    assert (step["name"], step["type"], step["input"], step["dependsOn"]) == ("a", "task", None, [])


async def test_a_step_that_runs_stays_as_it_is(client: Client, database: Database, make: Factory) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await make.steps(execution, key="a", status=StepStatus.RUNNING)
    before = await everything(database)
    said = {"key": "a", "name": "Step 1", "type": "task"}
    for given in ({"key": "a"}, said):
        answer = await client.done("startStep", executionId=exec_id(execution), **given)
        assert (answer["step"]["attempt"], await everything(database) == before) == (1, True)


@pytest.mark.parametrize("other", [{name: FULL[name]} for name in FULL if name != "key"], ids=str)
async def test_a_step_that_runs_is_not_said_to_be_another(
    client: Client, database: Database, make: Factory, other: dict[str, Any]
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await make.steps(execution, key="a", status=StepStatus.RUNNING)
    before = await everything(database)
    answer = await client.write("startStep", executionId=exec_id(execution), key="a", **other)
    assert (answer["__typename"], answer["current"], answer["to"]) == (
        *("InvalidTransition", "RUNNING", "RUNNING"),
    )
    assert f"another {next(iter(other))}" in answer["message"]
    assert await everything(database) == before


async def test_a_step_that_waits_starts_in_its_own_attempt(client: Client, make: Factory) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await make.steps(execution, key="a", status=StepStatus.PENDING)
    await client.done("startStep", executionId=exec_id(execution), key="a")
    assert await read_attempts(client, execution) == [("a", 1, "RUNNING")]


@pytest.mark.parametrize("ended", ["FAILED", "CANCELLED", "TIMED_OUT"])
async def test_a_step_that_ended_badly_is_tried_again_as_another_attempt(
    client: Client, make: Factory, ended: str
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await make.steps(execution, key="a", status=StepStatus(ended))
    step = (await client.done("startStep", executionId=exec_id(execution), key="a"))["step"]
    assert (step["id"], await read_attempts(client, execution)) == (
        step_id(execution, 2),
        [("a", 1, ended), ("a", 2, "RUNNING")],
    )


async def test_another_attempt_makes_a_retrying_one_failed_with_its_error(
    client: Client, make: Factory
) -> None:
    execution = await make.execution(await make.workflow(definition=DEFINED), status=ExecutionStatus.RUNNING)
    first = (await client.done("startStep", executionId=exec_id(execution), **FULL))["step"]["id"]
    await client.done("finishStep", stepId=first, status="RETRYING", error=ERROR)
    await client.done("startStep", executionId=exec_id(execution), key="a")
    failed, again = await read_steps(client, execution)
    assert (failed["status"], failed["error"], failed["completedAt"] is not None) == ("FAILED", ERROR, True)
    assert (again["attempt"], again["error"], *(again[name] for name in FULL)) == (2, None, *FULL.values())


@pytest.mark.parametrize("done", ["COMPLETED", "SKIPPED"])
async def test_a_step_that_is_done_is_not_tried_again(
    client: Client, database: Database, make: Factory, done: str
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await make.steps(execution, key="a", status=StepStatus(done))
    before = await everything(database)
    answer = await client.write("startStep", executionId=exec_id(execution), key="a")
    assert (answer["__typename"], answer["current"], answer["to"]) == ("InvalidTransition", done, "RUNNING")
    assert await everything(database) == before


@pytest.mark.parametrize("to", StepStatus)
@pytest.mark.parametrize("current", StepStatus)
async def test_the_table_says_which_status_may_follow(
    client: Client, database: Database, make: Factory, current: StepStatus, to: StepStatus
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await make.steps(execution, status=current)
    before = await everything(database)
    answer = await client.write("finishStep", stepId=step_id(execution, 1), status=to)
    if to not in ENDS:
        assert (answer["__typename"], await everything(database) == before) == ("InvalidInput", True)
    elif to == current:
        assert (answer["step"]["status"], await everything(database) == before) == (to, True)
    elif to in STEP_MOVES[current]:
        assert (answer["step"]["status"], answer["step"]["completedAt"] is not None) == (
            to,
            to in TERMINAL_STEP,
        )
    else:
        assert (answer["__typename"], answer["current"], answer["to"]) == ("InvalidTransition", current, to)
        assert await everything(database) == before


REPETITIONS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "COMPLETED",
        {"output": {"a": 1, "b": [None]}, "metrics": {"cpu": 1}},
        {"output": {"b": [None], "a": 1}},
    ),
    ("COMPLETED", {"output": 1, "metrics": {"cpu": 1, "io": 2}}, {"output": 1, "metrics": {"io": 2}}),
    ("COMPLETED", {"output": 1}, {}),
    ("SKIPPED", {}, {}),
    *((status, {"error": ERROR}, {"error": ERROR}) for status in BAD_ENDS),
    *((status, {"error": ERROR}, {}) for status in BAD_ENDS),
]
OTHERS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("COMPLETED", {"output": 1}, {"output": 2}, "output"),
    ("COMPLETED", {"output": 1}, {"output": True}, "output"),
    ("COMPLETED", {}, {"output": 0}, "output"),
    ("COMPLETED", {"output": 1}, {"output": 1, "metrics": {"cpu": 1}}, "metrics"),
    ("SKIPPED", {}, {"metrics": {"cpu": 1}}, "metrics"),
    *((status, {"error": ERROR}, {"error": {"message": "no"}}, "error") for status in BAD_ENDS),
    *((status, {}, {"error": ERROR}, "error") for status in BAD_ENDS),
]


@pytest.mark.parametrize(("status", "first", "again"), REPETITIONS)
async def test_an_attempt_that_ended_so_may_be_said_to_again(
    client: Client, database: Database, make: Factory, status: str, first: Any, again: Any
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await make.steps(execution, status=StepStatus.RUNNING)
    answer = await client.done("finishStep", stepId=step_id(execution, 1), status=status, **first)
    before = await everything(database)
    assert await client.done("finishStep", stepId=step_id(execution, 1), status=status, **again) == answer
    assert await everything(database) == before


@pytest.mark.parametrize(("status", "first", "again", "named"), OTHERS)
async def test_an_attempt_that_ended_so_takes_nothing_else(
    client: Client, database: Database, make: Factory, status: str, first: Any, again: Any, named: str
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await make.steps(execution, status=StepStatus.RUNNING)
    await client.done("finishStep", stepId=step_id(execution, 1), status=status, **first)
    before = await everything(database)
    answer = await client.write("finishStep", stepId=step_id(execution, 1), status=status, **again)
    assert (answer["__typename"], answer["current"]) == ("InvalidTransition", status)
    assert (f"is {status} already" in answer["message"], f"another {named}" in answer["message"]) == (
        *(True, True),
    )
    assert await everything(database) == before


@pytest.mark.parametrize("output", [{"a": [1, None]}, [], "", 0, False, "text"], ids=repr)
async def test_a_good_end_keeps_its_output(client: Client, make: Factory, output: Any) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await make.steps(execution, status=StepStatus.RUNNING)
    answer = await client.done("finishStep", stepId=step_id(execution, 1), output=output, metrics={"cpu": 1})
    assert (answer["step"]["output"], answer["step"]["metrics"]) == (output, {"cpu": 1})


@pytest.mark.parametrize("status", BAD_ENDS)
@pytest.mark.parametrize("error", [ERROR, {"message": ""}], ids=["full", "bare"])
async def test_a_bad_end_keeps_its_error(
    client: Client, make: Factory, status: str, error: dict[str, Any]
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await make.steps(execution, status=StepStatus.RUNNING)
    answer = await client.done("finishStep", stepId=step_id(execution, 1), status=status, error=error)
    assert answer["step"]["error"] == {"code": None, "details": None, "retriable": None, **error}


@pytest.mark.parametrize(
    ("status", "more"),
    [
        *((status, {"output": 1}) for status in (*BAD_ENDS, "SKIPPED")),
        *((status, {"error": ERROR}) for status in ("COMPLETED", "SKIPPED")),
    ],
)
async def test_outputs_and_errors_go_with_their_ends(
    client: Client, database: Database, make: Factory, status: str, more: dict[str, Any]
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await make.steps(execution, status=StepStatus.RUNNING)
    before = await everything(database)
    answer = await client.write("finishStep", stepId=step_id(execution, 1), status=status, **more)
    assert (answer["__typename"], await everything(database) == before) == ("InvalidInput", True)


async def test_metrics_of_an_end_come_on_top_of_those_before(client: Client, make: Factory) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await make.steps(execution, status=StepStatus.RUNNING)
    await client.done("finishStep", stepId=step_id(execution, 1), status="RETRYING", metrics={"a": 1, "b": 1})
    answer = await client.done("finishStep", stepId=step_id(execution, 1), status="FAILED", metrics={"b": 2})
    assert answer["step"]["metrics"] == {"a": 1, "b": 2}


async def test_attempts_are_numbered_per_step_and_counted_per_execution(
    client: Client, make: Factory
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    for key in ("a", "b", "a", "b", "a"):
        step = (await client.done("startStep", executionId=exec_id(execution), key=key))["step"]
        await client.done("finishStep", stepId=step["id"], status="FAILED")
    found = [(step["seq"], step["key"], step["attempt"]) for step in await read_steps(client, execution)]
    assert found == [(1, "a", 1), (2, "b", 1), (3, "a", 2), (4, "b", 2), (5, "a", 3)]


async def test_a_steps_life_is_in_the_history(client: Client, make: Factory) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    step = (await client.done("startStep", executionId=exec_id(execution), key="a"))["step"]["id"]
    await client.done("finishStep", stepId=step, status="RETRYING", error={"message": "no"})
    await client.done("startStep", executionId=exec_id(execution), key="a")
    told = [(event["type"], event["changes"]) for event in await read_events(client, execution)]
    first = {"step": 1, "key": "a", "attempt": 1}
    assert told == [
        ("STEP_STARTED", {**first, "status": {"after": "RUNNING"}}),
        (
            "STEP_CHANGED",
            {
                **first,
                "status": {"before": "RUNNING", "after": "RETRYING"},
                "error": {"after": {"message": "no"}},
            },
        ),
        ("STEP_CHANGED", {**first, "status": {"before": "RETRYING", "after": "FAILED"}}),
        ("STEP_STARTED", {"step": 2, "key": "a", "attempt": 2, "status": {"after": "RUNNING"}}),
    ]


CIRCLES: list[tuple[dict[str, list[str]], str, list[str]]] = [
    ({"a": []}, "a", ["a"]),
    ({"b": []}, "c", ["b", "b"]),
    ({"b": []}, "b", ["nowhere"]),
    ({}, "new", ["nowhere"]),
    ({"b": [], "x": ["b"]}, "b", ["x"]),
    ({"x": [], "y": ["x"], "z": ["y", "b"]}, "x", ["z"]),
    ({}, "b", ["c"]),
    ({"x": ["c"]}, "b", ["x"]),
]


@pytest.mark.parametrize("mutation", ["startStep", "commitStep"])
@pytest.mark.parametrize(("begun", "key", "given"), CIRCLES)
async def test_a_step_depends_on_what_a_definition_lets_it_depend_on(
    client: Client,
    database: Database,
    make: Factory,
    mutation: str,
    begun: dict[str, list[str]],
    key: str,
    given: list[str],
) -> None:
    workflow = await make.workflow(definition=DEFINED)
    execution = await make.execution(workflow, status=ExecutionStatus.RUNNING)
    for seq, (name, before) in enumerate(begun.items(), 1):
        await make.steps(execution, start=seq, key=name, depends_on=before, status=StepStatus.FAILED)
    before_it = await everything(database)
    step = {"key": key, "dependsOn": given}
    said = step if mutation == "startStep" else {"step": step}
    answer = await client.write(mutation, executionId=exec_id(execution), **said)
    assert (answer["__typename"], await everything(database) == before_it) == ("InvalidInput", True)
    assert repr(given[-1]) in answer["message"]


@pytest.mark.parametrize("mutation", ["startStep", "commitStep"])
@pytest.mark.parametrize(
    ("key", "given"), [("a", ["c"]), ("c", ["b"]), ("new", ["done", "c"]), ("done", ["b"]), ("done", ["a"])]
)
async def test_a_step_may_depend_on_what_is_defined_or_has_begun(
    client: Client, make: Factory, mutation: str, key: str, given: list[str]
) -> None:
    workflow = await make.workflow(definition=DEFINED)
    execution = await make.execution(workflow, status=ExecutionStatus.RUNNING)
    await make.steps(execution, key="done", status=StepStatus.FAILED)
    step = {"key": key, "dependsOn": given}
    said = step if mutation == "startStep" else {"step": step}
    answer = await client.done(mutation, executionId=exec_id(execution), **said)
    assert answer["step"]["dependsOn"] == given
