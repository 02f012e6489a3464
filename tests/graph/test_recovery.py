"""Recovery: back to a checkpoint in place, planned or done; and forks, in an execution of their own."""

from typing import Any
from uuid import UUID

import pytest

from db.engine import Database
from db.enums import ExecutionStatus
from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import (
    checkpoint_id,
    exec_id,
    read_attempts,
    read_checkpoints,
    read_events,
    read_execution,
    read_state,
    read_steps,
    read_variables,
)
from tests.graph.world import lease
from tests.rows import everything, rows

FIELDS = {"currentStep": "b", "completedSteps": ["a"], "skippedSteps": ["s"], "parallelGroups": [["b", "c"]]}
ENDED = ["COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"]


async def crashed(client: Client, make: Factory) -> UUID:
    """An execution whose engine did `a` (checkpoint 1), `b` (checkpoint 2), began `c` and went away."""
    execution = await make.execution(**lease(epoch=1, seconds=-1))
    name = exec_id(execution)
    await client.done("saveState", executionId=name, variables={"n": 0, "list": [0]})
    for number, key in enumerate("ab", 1):
        state = {"variablesPatch": {"n": number, key: True}, "variablesAppend": {"list": [number]}}
        fields = FIELDS if key == "a" else {"currentStep": "c", "completedSteps": ["a", "b"]}
        commit = {
            "step": {"key": key, "output": number},
            "state": state | fields,
            "checkpoint": {"label": key},
        }
        await client.done("commitStep", executionId=name, **commit)
    await client.done("startStep", executionId=name, key="c", input={"x": 1}, dependsOn=["b"])
    await client.done("saveState", executionId=name, variables={"half": "done"}, currentStep=None)
    return execution


def named(steps: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    """(key, attempt, status) of steps in an answer."""
    return [(step["key"], step["attempt"], step["status"]) for step in steps]


async def test_the_state_of_the_last_checkpoint_is_there_again(client: Client, make: Factory) -> None:
    execution = await crashed(client, make)
    answer = await client.done("recoverExecution", executionId=exec_id(execution))
    state = await read_state(client, execution)
    assert (answer["checkpoint"]["seq"], answer["state"]["version"], state["version"]) == (2, 5, 5)
    assert (
        answer["state"]["variables"]
        == state["variables"]
        == {"n": 2, "list": [0, 1, 2], "a": True, "b": True}
    )
    assert (state["currentStep"], state["completedSteps"], state["skippedSteps"]) == ("c", ["a", "b"], ["s"])


async def test_the_state_of_an_older_checkpoint_is_there_again_with_its_fields(
    client: Client, make: Factory
) -> None:
    execution = await crashed(client, make)
    await client.done(
        "recoverExecution", executionId=exec_id(execution), checkpointId=checkpoint_id(execution, 1)
    )
    state = await read_state(client, execution)
    assert state["variables"] == {"n": 1, "list": [0, 1], "a": True}
    assert {name: state[name] for name in FIELDS} == FIELDS


async def test_what_came_after_stays_readable(client: Client, make: Factory) -> None:
    execution = await crashed(client, make)
    before = [await read_state(client, execution, version) for version in range(5)]
    await client.done(
        "recoverExecution", executionId=exec_id(execution), checkpointId=checkpoint_id(execution, 1)
    )
    assert [await read_state(client, execution, version) for version in range(5)] == before


@pytest.mark.parametrize(
    ("seq", "kept", "rerun"),
    [
        (2, [("a", 1, "COMPLETED"), ("b", 1, "COMPLETED")], [("c", 2, "PENDING")]),
        (1, [("a", 1, "COMPLETED")], [("b", 2, "PENDING"), ("c", 2, "PENDING")]),
    ],
)
async def test_steps_that_the_checkpoint_knew_as_done_are_kept_and_the_others_run_again(
    client: Client, make: Factory, seq: int, kept: list[Any], rerun: list[Any]
) -> None:
    execution = await crashed(client, make)
    given = {"executionId": exec_id(execution), "checkpointId": checkpoint_id(execution, seq)}
    answer = await client.done("recoverExecution", **given)
    assert (named(answer["keptSteps"]), named(answer["rerunSteps"])) == (kept, rerun)


async def test_an_attempt_under_way_is_cancelled_and_its_successor_knows_as_much(
    client: Client, make: Factory
) -> None:
    execution = await crashed(client, make)
    await client.done("recoverExecution", executionId=exec_id(execution))
    *_, cut, again = await read_steps(client, execution)
    assert (cut["status"], "recovered" in cut["error"]["message"]) == ("CANCELLED", True)
    assert (again["status"], again["input"], again["dependsOn"]) == ("PENDING", {"x": 1}, ["b"])


@pytest.mark.parametrize(("holder", "status"), [(None, "PENDING"), ("next", "RUNNING")])
async def test_a_holder_takes_the_lease_and_without_one_it_waits(
    client: Client, make: Factory, holder: str | None, status: str
) -> None:
    execution = await crashed(client, make)
    answer = await client.done("recoverExecution", executionId=exec_id(execution), holder=holder)
    assert (answer["execution"]["status"], answer["lease"]["holder"]) == (status, holder)
    assert (answer["lease"]["epoch"], (await read_execution(client, execution))["lease"]["epoch"]) == (2, 2)


@pytest.mark.parametrize("holder", [None, "engine"])
async def test_the_old_worker_is_fenced_out(
    client: Client, database: Database, make: Factory, holder: str | None
) -> None:
    execution = exec_id(await make.execution(**lease(epoch=3)))
    await client.done("recoverExecution", executionId=execution, holder=holder, force=True)
    before = await everything(database)
    answer = await client.write("saveState", executionId=execution, epoch=3, variables={"late": 1})
    assert (answer["__typename"], answer["epoch"]) == ("StaleLease", 4)
    assert await everything(database) == before


@pytest.mark.parametrize("holder", [None, "next"])
async def test_who_is_alive_is_left_alone(
    client: Client, database: Database, make: Factory, holder: str | None
) -> None:
    execution = exec_id(await make.execution(**lease(epoch=3)))
    before = await everything(database)
    answer = await client.write("recoverExecution", executionId=execution, holder=holder)
    assert (answer["__typename"], answer["holder"], answer["epoch"]) == ("StaleLease", "engine", 3)
    assert ("`force: true`" in answer["message"], await everything(database) == before) == (True, True)


@pytest.mark.parametrize(
    "given", [{"epoch": 3}, {"holder": "next", "epoch": 3}, {"holder": "engine"}, {"force": True}], ids=str
)
async def test_a_valid_lease_is_taken_by_its_epoch_its_holder_or_by_force(
    client: Client, make: Factory, given: dict[str, Any]
) -> None:
    execution = exec_id(await make.execution(**lease(epoch=3)))
    answer = await client.done("recoverExecution", executionId=execution, **given)
    assert (answer["lease"]["holder"], answer["lease"]["epoch"]) == (given.get("holder"), 4)


async def test_force_makes_no_stale_epoch_right(client: Client, make: Factory) -> None:
    execution = exec_id(await make.execution(**lease(epoch=3)))
    answer = await client.write("recoverExecution", executionId=execution, epoch=2, force=True)
    assert (answer["__typename"], answer["epoch"]) == ("StaleLease", 3)


async def test_anybody_may_look_at_what_a_recovery_would_do(client: Client, make: Factory) -> None:
    execution = exec_id(await make.execution(**lease(epoch=3)))
    answer = await client.done("recoverExecution", executionId=execution, plan=True)
    assert answer["lease"]["holder"] == "engine"


@pytest.mark.parametrize("status", ENDED)
async def test_what_has_ended_goes_on(client: Client, make: Factory, status: str) -> None:
    execution = await crashed(client, make)
    end = {"result": 1} if status == "COMPLETED" else {"error": {"message": "no"}}
    await client.done("transitionExecution", executionId=exec_id(execution), to=status, **end)
    await client.done("recoverExecution", executionId=exec_id(execution), holder="next")
    found = await read_execution(client, execution)
    assert [found[name] for name in ("status", "completedAt", "result", "error")] == [
        "RUNNING",
        None,
        None,
        None,
    ]
    assert await client.done("startStep", executionId=exec_id(execution), key="c", epoch=2)


@pytest.mark.parametrize("seq", [None, 1, 2])
async def test_a_plan_tells_what_would_be_done_and_changes_nothing(
    client: Client, database: Database, make: Factory, seq: int | None
) -> None:
    execution = await crashed(client, make)
    given = {"executionId": exec_id(execution), "checkpointId": seq and checkpoint_id(execution, seq)}
    before = await everything(database)
    plan = await client.done("recoverExecution", **given, plan=True)
    assert await everything(database) == before
    done = await client.done("recoverExecution", **given)
    assert [plan["checkpoint"], plan["keptSteps"]] == [done["checkpoint"], done["keptSteps"]]
    assert [step["key"] for step in plan["rerunSteps"]] == [step["key"] for step in done["rerunSteps"]]
    assert plan["state"]["variables"] == done["state"]["variables"]


async def test_a_plan_is_not_taken_for_the_deed(client: Client, database: Database, make: Factory) -> None:
    given = {"executionId": exec_id(await crashed(client, make)), "idempotencyKey": "once"}
    before = await everything(database)
    await client.done("recoverExecution", **given, plan=True)
    assert await everything(database) == before
    assert (await client.done("recoverExecution", **given))["lease"]["epoch"] == 2


@pytest.mark.parametrize(("variables", "version"), [({"n": 1}, 2), ({}, 2)])
async def test_without_any_checkpoint_it_starts_over(
    client: Client, make: Factory, variables: dict[str, Any], version: int
) -> None:
    workflow = await make.workflow(name="w")
    made = await client.done("createExecution", workflowName="w", variables=variables)
    execution = made["execution"]["id"]
    await client.done("commitStep", executionId=execution, step={"key": "a"}, state={"variables": {"m": 2}})
    answer = await client.done("recoverExecution", executionId=execution)
    assert (answer["checkpoint"], answer["keptSteps"], workflow is not None) == (None, [], True)
    assert named(answer["rerunSteps"]) == [("a", 2, "PENDING")]
    assert await read_variables(client, execution) == variables


@pytest.mark.parametrize("keep", [0, 5])
async def test_starting_over_survives_a_pruning(client: Client, make: Factory, keep: int) -> None:
    await make.workflow(name="w")
    made = await client.done("createExecution", workflowName="w", variables={"n": 1, "list": [1]})
    execution = made["execution"]["id"]
    for number in (2, 3):
        await client.done("saveState", executionId=execution, variables={"n": number})
    await client.done("pruneCheckpoints", executionId=execution, keepLast=keep)
    await client.done("recoverExecution", executionId=execution)
    assert await read_variables(client, execution) == {"n": 1, "list": [1]}


async def test_a_recovery_again_adds_no_attempts(client: Client, make: Factory) -> None:
    execution = await crashed(client, make)
    first = await client.done("recoverExecution", executionId=exec_id(execution))
    again = await client.done("recoverExecution", executionId=exec_id(execution))
    assert (again["rerunSteps"], again["keptSteps"]) == (first["rerunSteps"], first["keptSteps"])
    assert (first["lease"]["epoch"], again["lease"]["epoch"]) == (2, 3)


async def test_after_an_older_checkpoint_the_next_recovery_stays_on_that_line(
    client: Client, make: Factory
) -> None:
    execution = await crashed(client, make)
    name = exec_id(execution)
    await client.done("recoverExecution", executionId=name, checkpointId=checkpoint_id(execution, 1))
    answer = await client.done("recoverExecution", executionId=name)
    assert (answer["checkpoint"]["seq"], answer["state"]["variables"]["n"]) == (1, 1)


async def test_a_checkpoint_after_a_recovery_follows_the_one_it_went_back_to(
    client: Client, make: Factory
) -> None:
    execution = await crashed(client, make)
    name = exec_id(execution)
    await client.done("recoverExecution", executionId=name, checkpointId=checkpoint_id(execution, 1))
    await client.done("createCheckpoint", executionId=name)
    parents = {
        one["seq"]: one["parent"] and one["parent"]["seq"]
        for one in await read_checkpoints(client, execution)
    }
    assert parents == {1: None, 2: 1, 3: 1}


async def test_going_forward_again_keeps_what_the_later_checkpoint_knew(
    client: Client, make: Factory
) -> None:
    execution = await crashed(client, make)
    for seq in (1, 2):
        given = {"executionId": exec_id(execution), "checkpointId": checkpoint_id(execution, seq)}
        answer = await client.done("recoverExecution", **given)
    assert answer["state"]["completedSteps"] == ["a", "b"]
    assert [step["key"] for step in answer["keptSteps"]] == ["a", "b"]
    assert [step["key"] for step in answer["rerunSteps"]] == ["c"]


async def test_the_whole_run_can_be_done_after_a_recovery(client: Client, make: Factory) -> None:
    execution = await crashed(client, make)
    given = {"executionId": exec_id(execution), "epoch": 2}
    await client.done("recoverExecution", executionId=exec_id(execution), holder="next")
    await client.done("startStep", **given, key="c")
    await client.done("commitStep", **given, step={"key": "c"}, checkpoint={})
    await client.done("transitionExecution", **given, to="COMPLETED", result={"ok": True})
    assert (await read_attempts(client, execution))[-1] == ("c", 2, "COMPLETED")


async def test_a_checkpoint_of_another_execution_is_not_found(
    client: Client, database: Database, make: Factory
) -> None:
    execution, other = await crashed(client, make), await crashed(client, make)
    before = await everything(database)
    given = {"executionId": exec_id(execution), "checkpointId": checkpoint_id(other, 1)}
    assert (await client.write("recoverExecution", **given))["__typename"] == "NotFound"
    assert await everything(database) == before


async def test_a_time_without_a_holder_is_refused(client: Client, make: Factory) -> None:
    answer = await client.write("recoverExecution", executionId=exec_id(await make.execution()), ttl="PT1M")
    assert answer["__typename"] == "InvalidInput"


async def test_a_recovery_says_in_the_history_what_it_did(client: Client, make: Factory) -> None:
    execution = await crashed(client, make)
    before = len(await read_events(client, execution))
    await client.done("recoverExecution", executionId=exec_id(execution), holder="next")
    told = (await read_events(client, execution))[before:]
    assert told[0]["changes"] == {
        "checkpoint": 2,
        "status": {"before": "RUNNING", "after": "RUNNING"},
        "leaseEpoch": {"before": 1, "after": 2},
    }
    assert [event["type"] for event in told] == [
        *("EXECUTION_RECOVERED", "LEASE_ACQUIRED", "STATE_SAVED", "STEP_CHANGED", "STEP_STARTED")
    ]


async def test_a_fork_begins_with_what_its_checkpoint_had(client: Client, make: Factory) -> None:
    execution = await crashed(client, make)
    given = {"checkpointId": checkpoint_id(execution, 1), "variablesPatch": {"n": None, "mine": {"x": 1}}}
    fork = (await client.done("forkExecution", **given))["execution"]
    found, state = await read_execution(client, fork["id"]), await read_state(client, fork["id"])
    assert (found["status"], found["forkedFrom"]) == ("PENDING", {"id": checkpoint_id(execution, 1)})
    assert (state["version"], state["variables"]) == (1, {"list": [0, 1], "a": True, "mine": {"x": 1}})
    assert await read_attempts(client, fork["id"]) == [("a", 1, "COMPLETED")]


async def test_a_fork_has_the_small_fields_of_its_checkpoint(client: Client, make: Factory) -> None:
    execution = await crashed(client, make)
    fork = (await client.done("forkExecution", checkpointId=checkpoint_id(execution, 1)))["execution"]["id"]
    state = await read_state(client, fork)
    assert {name: state[name] for name in FIELDS} == FIELDS


async def test_a_fork_takes_over_what_its_base_was_started_with(client: Client, make: Factory) -> None:
    given: dict[str, Any] = {"input": {"x": 1}, "attributes": {"y": 2}, "tags": ["t"], "correlation_id": "c"}
    base = await make.execution(**given)
    await make.checkpoints(base, 0)
    fork = (await client.done("forkExecution", checkpointId=checkpoint_id(base, 1)))["execution"]["id"]
    names = ("input", "attributes", "tags", "correlationId", "triggerType", "workflow")
    old, new = await read_execution(client, base), await read_execution(client, fork)
    assert {name: new[name] for name in names} == {name: old[name] for name in names}


async def test_a_fork_leaves_its_base_as_it_is(client: Client, database: Database, make: Factory) -> None:
    execution = await crashed(client, make)
    before = set(await everything(database))
    await client.done("forkExecution", checkpointId=checkpoint_id(execution, 2), variablesPatch={"n": 9})
    assert before <= set(await everything(database))


async def test_a_fork_can_be_recovered_and_forked_itself(client: Client, make: Factory) -> None:
    base = checkpoint_id(await crashed(client, make), 2)
    fork = (await client.done("forkExecution", checkpointId=base))["execution"]["id"]
    answer = await client.done("recoverExecution", executionId=fork)
    again = (await client.done("forkExecution", checkpointId=answer["checkpoint"]["id"]))["execution"]["id"]
    assert [step["key"] for step in answer["keptSteps"]] == ["a", "b"]
    assert await read_variables(client, again) == await read_variables(client, fork)
    assert await read_attempts(client, again) == [("a", 1, "COMPLETED"), ("b", 1, "COMPLETED")]


async def test_a_fork_takes_no_step_as_done_that_a_recovery_had_reset(client: Client, make: Factory) -> None:
    execution = await crashed(client, make)
    name = exec_id(execution)
    await client.done("recoverExecution", executionId=name, checkpointId=checkpoint_id(execution, 1))
    base = (await client.done("createCheckpoint", executionId=name))["checkpoint"]["id"]
    fork = (await client.done("forkExecution", checkpointId=base))["execution"]["id"]
    assert await read_attempts(client, fork) == [("a", 1, "COMPLETED")]


async def test_a_fork_begins_its_own_history(client: Client, database: Database, make: Factory) -> None:
    execution = await crashed(client, make)
    fork = (await client.done("forkExecution", checkpointId=checkpoint_id(execution, 1)))["execution"]["id"]
    (event,) = await read_events(client, fork)
    (row,) = await rows(database, "executions", id=UUID(fork.removeprefix("exec_")))
    assert (event["seq"], event["type"], row["event_seq"], row["step_seq"], row["checkpoint_seq"]) == (
        *(1, "EXECUTION_FORKED", 1, 1, 1),
    )


@pytest.mark.parametrize("status", list(ExecutionStatus))
async def test_an_execution_of_any_status_can_be_forked(
    client: Client, make: Factory, status: ExecutionStatus
) -> None:
    base = await make.execution(status=status)
    await make.checkpoints(base, 0)
    assert await client.done("forkExecution", checkpointId=checkpoint_id(base, 1))
