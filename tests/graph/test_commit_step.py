"""`commitStep`: a step's whole outcome in one transaction, or nothing of it."""

from typing import Any

import pytest

from db.engine import Database
from db.enums import ExecutionStatus, StepStatus
from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import exec_id, read_attempts, read_events, read_logs, read_steps
from tests.graph.world import lease
from tests.rows import everything

ERROR = {"message": "no", "code": "E1", "details": None, "retriable": True}
DEFINED = {"steps": [{"key": "a", "dependsOn": ["b"]}, {"key": "b"}, {"key": "c"}]}
WHOLE: dict[str, Any] = {
    "step": {
        "key": "a",
        "name": "Step A",
        "type": "http",
        "input": {"x": 1},
        "dependsOn": ["b"],
        "output": [1, None],
        "metrics": {"cpu": 1.5},
    },
    "state": {"variables": {"n": 1}, "currentStep": "b", "completedSteps": ["a"], "expectedVersion": 0},
    "checkpoint": {"label": "after a", "data": {"d": [1]}},
    "logs": [{"message": "own"}, {"message": "other's", "stepKey": "z", "level": "WARN"}],
}
BAD_PARTS: dict[str, dict[str, Any]] = {
    "wrong version": {"state": {"variables": {"n": 1}, "expectedVersion": 7}},
    "appending to no list": {"state": {"variablesAppend": {"text": [1]}}},
    "patch and append": {"state": {"variablesPatch": {"a": 1}, "variablesAppend": {"a": [1]}}},
    "name of a variable": {"state": {"variables": {"": 1}}},
    "log of no step": {"logs": [{"message": "x"}, {"message": "x", "stepKey": "none"}]},
    "log of a step that can't be": {"logs": [{"message": "x", "stepKey": "z\0"}]},
    "data with nul": {"checkpoint": {"data": "\0"}},
    "label": {"checkpoint": {"label": ""}},
    "no end": {"step": {"key": "a", "status": "RUNNING"}},
    "output of a failure": {"step": {"key": "a", "status": "FAILED", "output": 1}},
    "error of a success": {"step": {"key": "a", "error": ERROR}},
    "key": {"step": {"key": ""}},
    "done already": {"step": {"key": "done", "status": "FAILED"}},
    "epoch": {"epoch": 4},
}


async def begun(client: Client, make: Factory) -> str:
    """A RUNNING execution with a step `z` that was done, and a step `a` under way; nobody's by now."""
    execution = await make.execution(await make.workflow(definition=DEFINED), **lease(seconds=-1))
    await make.steps(execution, key="z")
    await make.steps(execution, start=2, key="a", status=StepStatus.RUNNING)
    return exec_id(execution)


async def test_every_part_is_written(client: Client, make: Factory) -> None:
    execution = await begun(client, make)
    answer = await client.done("commitStep", executionId=execution, **WHOLE)
    step = {name: answer["step"][name] for name in ("output", "metrics", "status", "attempt")}
    assert step == {"output": [1, None], "metrics": {"cpu": 1.5}, "status": "COMPLETED", "attempt": 1}
    assert (answer["state"]["version"], answer["state"]["variables"]) == (1, {"n": 1})
    assert (answer["state"]["currentStep"], answer["state"]["completedSteps"]) == ("b", ["a"])
    kept = {name: answer["checkpoint"][name] for name in ("label", "data", "stepKey", "stateVersion")}
    assert kept == {**WHOLE["checkpoint"], "stepKey": "a", "stateVersion": 1}
    assert [(entry["message"], entry["step"]["key"]) for entry in await read_logs(client, execution)] == [
        ("own", "a"),
        ("other's", "z"),
    ]


async def test_a_step_need_not_have_been_started(client: Client, make: Factory) -> None:
    workflow = await make.workflow(definition=DEFINED)
    execution = await make.execution(workflow, status=ExecutionStatus.RUNNING)
    await client.done("commitStep", executionId=exec_id(execution), step=WHOLE["step"])
    (step,) = await read_steps(client, execution)
    assert {name: step[name] for name in WHOLE["step"]} == WHOLE["step"]


@pytest.mark.parametrize("part", ["state", "checkpoint", "logs", None])
async def test_any_part_can_be_left_out(client: Client, make: Factory, part: str | None) -> None:
    execution = await begun(client, make)
    given = {name: value for name, value in WHOLE.items() if name in ("step", part)}
    answer = await client.done("commitStep", executionId=execution, **given)
    assert (answer["checkpoint"] is not None) == (part == "checkpoint")
    assert answer["state"]["version"] == (1 if part == "state" else 0)
    assert len(await read_logs(client, execution)) == (2 if part == "logs" else 0)


@pytest.mark.parametrize("bad", BAD_PARTS.values(), ids=BAD_PARTS)
async def test_one_bad_part_means_nothing_is_written(
    client: Client, database: Database, make: Factory, bad: dict[str, Any]
) -> None:
    execution = await begun(client, make)
    await client.done("saveState", executionId=execution, variables={"text": "x"})
    await client.done("commitStep", executionId=execution, step={"key": "done"})
    before = await everything(database)
    state = {"variablesPatch": {"n": 1}}
    answer = await client.write("commitStep", executionId=execution, **{**WHOLE, "state": state, **bad})
    assert not answer["__typename"].endswith("Payload")
    assert await everything(database) == before


@pytest.mark.parametrize("given", [{}, {"name": "Step A", "output": [1, None], "metrics": {"cpu": 1.5}}])
async def test_a_step_that_is_done_so_already_stays_as_it_is(
    client: Client, database: Database, make: Factory, given: dict[str, Any]
) -> None:
    execution = await begun(client, make)
    await client.done("commitStep", executionId=execution, **WHOLE)
    before = await everything(database)
    answer = await client.done("commitStep", executionId=execution, step={"key": "a", **given})
    assert (answer["step"]["output"], answer["checkpoint"], answer["state"]["version"]) == (
        [1, None],
        None,
        1,
    )
    assert await everything(database) == before


@pytest.mark.parametrize("key", [None, "once"])
@pytest.mark.parametrize("status", ["COMPLETED", "SKIPPED"])
async def test_the_commit_that_ended_a_step_may_come_again_word_for_word(
    client: Client, database: Database, make: Factory, status: str, key: str | None
) -> None:
    execution = await begun(client, make)
    step = {**WHOLE["step"], "status": status, "output": [1] if status == "COMPLETED" else None}
    commit = {"executionId": execution, **WHOLE, "step": step}
    first = await client.done("commitStep", **commit, idempotencyKey=key)
    await client.done("saveState", executionId=execution, variablesPatch={"n": 7})
    before = await everything(database)
    again = await client.done("commitStep", **commit)
    assert (again["step"], again["checkpoint"]) == (first["step"], first["checkpoint"])
    assert again["state"]["variables"] == first["state"]["variables"] == {"n": 1}
    assert await everything(database) == before


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"step": {"output": [2]}}, "output"),
        ({"step": {"metrics": {"cpu": 2}}}, "metrics"),
        ({"step": {"name": "Step B"}}, "name"),
        ({"step": {"type": "mail"}}, "type"),
        ({"step": {"input": 2}}, "input"),
        ({"step": {"dependsOn": ["c"]}}, "dependsOn"),
        ({"state": {"variables": {"n": 2}}}, "state"),
        ({"checkpoint": {}}, "checkpoint"),
        ({"logs": [{"message": "again"}]}, "logs"),
    ],
    ids=str,
)
@pytest.mark.parametrize("ended_by", ["commitStep", "finishStep"])
async def test_a_step_that_is_done_takes_nothing_else(
    client: Client, database: Database, make: Factory, other: dict[str, Any], named: str, ended_by: str
) -> None:
    execution = await begun(client, make)
    if ended_by == "commitStep":
        await client.done("commitStep", executionId=execution, **WHOLE)
    else:
        await client.done("finishStep", stepId=execution.replace("exec", "step") + "_2")
    before = await everything(database)
    step = {"key": "a", **other.get("step", {})}
    answer = await client.write("commitStep", executionId=execution, **other | {"step": step})
    assert (answer["__typename"], answer["current"]) == ("InvalidTransition", "COMPLETED")
    assert f"is COMPLETED already, and another {named}" in answer["message"]
    assert await everything(database) == before


@pytest.mark.parametrize("status", ["RETRYING", "FAILED", "CANCELLED", "TIMED_OUT"])
async def test_a_bad_end_again_is_another_attempt_with_all_that_it_brings(
    client: Client, make: Factory, status: str
) -> None:
    execution = await begun(client, make)
    for n in (1, 2, 3):
        answer = await client.done(
            "commitStep",
            executionId=execution,
            step={"key": "a", "status": status, "error": {"message": f"try {n}"}},
            state={"variablesPatch": {"tries": n}},
            checkpoint={"label": f"try {n}"},
            logs=[{"message": f"try {n} failed"}],
        )
        assert (answer["step"]["attempt"], answer["step"]["error"]["message"]) == (n, f"try {n}")
        assert (answer["state"]["variables"], answer["checkpoint"]["label"]) == ({"tries": n}, f"try {n}")
    assert [entry["message"] for entry in await read_logs(client, execution)] == [
        *("try 1 failed", "try 2 failed", "try 3 failed"),
    ]
    before = "FAILED" if status == "RETRYING" else status
    assert await read_attempts(client, execution) == [
        *(("z", 1, "COMPLETED"), ("a", 1, before), ("a", 2, before), ("a", 3, status)),
    ]


async def test_what_a_commit_says_of_a_step_under_way_is_kept(client: Client, make: Factory) -> None:
    execution = await begun(client, make)
    await client.done("commitStep", executionId=execution, step=WHOLE["step"])
    _, step = await read_steps(client, execution)
    assert {name: step[name] for name in WHOLE["step"]} == WHOLE["step"]


@pytest.mark.parametrize("status", ["RETRYING", "FAILED", "CANCELLED", "TIMED_OUT"])
async def test_a_bad_end_keeps_its_error(client: Client, make: Factory, status: str) -> None:
    step = {"key": "a", "status": status, "error": ERROR}
    answer = await client.done("commitStep", executionId=await begun(client, make), step=step)
    assert (answer["step"]["status"], answer["step"]["error"]) == (status, ERROR)


@pytest.mark.parametrize("status", ["RETRYING", "FAILED", "CANCELLED", "TIMED_OUT"])
async def test_after_a_bad_end_a_commit_is_another_attempt(
    client: Client, make: Factory, status: str
) -> None:
    execution = await begun(client, make)
    await client.done("commitStep", executionId=execution, step={"key": "a", "status": status})
    await client.done("commitStep", executionId=execution, step={"key": "a"})
    first = "FAILED" if status == "RETRYING" else status
    assert await read_attempts(client, execution) == [
        ("z", 1, "COMPLETED"),
        ("a", 1, first),
        ("a", 2, "COMPLETED"),
    ]


@pytest.mark.parametrize(("there", "to"), [("COMPLETED", "FAILED"), ("SKIPPED", "COMPLETED")])
async def test_what_is_done_does_not_end_otherwise(
    client: Client, database: Database, make: Factory, there: str, to: str
) -> None:
    execution = await begun(client, make)
    await client.done("commitStep", executionId=execution, step={"key": "a", "status": there})
    before = await everything(database)
    answer = await client.write("commitStep", executionId=execution, step={"key": "a", "status": to})
    assert (answer["__typename"], answer["current"]) == ("InvalidTransition", there)
    assert await everything(database) == before


async def test_a_commit_is_one_run_of_events(client: Client, make: Factory) -> None:
    execution = await begun(client, make)
    await client.done("commitStep", executionId=execution, **WHOLE)
    events = await read_events(client, execution)
    assert [event["seq"] for event in events] == [1, 2, 3, 4]
    assert [event["type"] for event in events] == [
        *("STEP_CHANGED", "STATE_SAVED", "LOGS_APPENDED", "CHECKPOINT_CREATED")
    ]
