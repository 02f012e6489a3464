"""Writers at once: one wins, none is lost, nobody gets half of anything."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from db import retry
from db.engine import Database
from db.enums import ExecutionStatus, StepStatus, Subject
from db.errors import IdempotencyConflict
from db.retention.holds import place_hold
from db.writes.checkpoints import create_checkpoint, delete_checkpoint, prune_checkpoints
from db.writes.claims import claim_executions
from db.writes.commits import CheckpointWish, StepCommit, commit_step
from db.writes.executions import (
    create_execution,
    delete_execution,
    transition_execution,
    update_execution,
)
from db.writes.forks import fork_execution
from db.writes.leases import acquire_lease, heartbeat
from db.writes.records import LogLine, append_logs
from db.writes.recovery import Recovered, recover_execution
from db.writes.states import StateChange, save_state
from db.writes.steps import StepEnd, StepStart
from db.writes.workflows import create_workflow, delete_workflow
from tests.factories import Factory
from tests.races.writers import Writers, at_once, queued, write
from tests.rows import counts, rows

TTL = timedelta(minutes=1)
WORKFLOW = {"name": "raced", "version": "1", "status": "ACTIVE", "definition": {}, "tags": []} | {
    "priority": "NORMAL",
    "environment": "PRODUCTION",
}


BY_API = {"trigger_type": "API"}
# What tells of one deletion.
GONE = {"audit_entries": 1, "deleted_executions": 1}


async def ended(make: Factory) -> UUID:
    """An execution that may be deleted."""
    return await make.execution(status=ExecutionStatus.COMPLETED)


async def test_of_32_saves_of_one_version_one_wins_each_round(
    database: Database, make: Factory, writers: Writers
) -> None:
    execution = await make.execution()
    all_of_them = await writers(32)
    rounds = [
        await at_once(
            all_of_them,
            lambda one, at, version=version: save_state(  # type: ignore[misc]
                one,
                execution,
                write(),
                StateChange(appends={"winners": [at]}, patch={"last": at}, expected_version=version),
            ),
        )
        for version in range(5)
    ]
    assert [sorted(map(str, one)) for one in rounds] == [
        [str(version + 1), *["VersionConflict"] * 31] for version in range(5)
    ]
    winners = [one.index(version) for version, one in enumerate(rounds, 1)]
    appended = await rows(database, "state_entries", key="winners")
    assert [row["value"] for row in appended] == [[winner] for winner in winners]


async def test_no_append_to_one_list_is_lost(database: Database, make: Factory, writers: Writers) -> None:
    execution = await make.execution()
    all_of_them = await writers(16)
    versions = await at_once(
        all_of_them,
        lambda one, at: save_state(one, execution, write(), StateChange(appends={"list": [at]})),
    )
    appended = await rows(database, "state_entries", key="list")
    assert sorted(versions) == [row["version"] for row in appended] == list(range(1, 17))
    assert sorted(row["value"][0] for row in appended) == list(range(16))


async def test_16_claimers_share_no_execution_and_leave_none(
    database: Database, make: Factory, writers: Writers
) -> None:
    executions = await make.executions(60)

    async def claim(one: Database, at: int) -> list[UUID]:
        claimed: list[UUID] = []
        while got := await claim_executions(one, write(), f"worker {at}", TTL, 3, None):
            claimed += got
        return claimed

    all_of_them = await writers(16)
    claimed = await at_once(all_of_them, claim)
    assert sorted(key for one in claimed for key in one) == sorted(executions)
    held = {UUID(row["id"]): row["lease_holder"] for row in await rows(database, "executions")}
    assert held == {key: f"worker {at}" for at, one in enumerate(claimed) for key in one}


async def test_20_appenders_leave_logs_and_events_without_gaps(
    database: Database, make: Factory, writers: Writers
) -> None:
    execution = await make.execution()

    async def append(one: Database, at: int) -> list[tuple[int, int]]:
        lines = [LogLine(20, f"{at}") for _ in range(at + 1)]
        return [await append_logs(one, execution, write(), lines) for _ in range(3)]

    all_of_them = await writers(20)
    ranges = await at_once(all_of_them, append)
    logs, events = await rows(database, "log_entries"), await rows(database, "events")
    assert [row["seq"] for row in logs] == list(range(1, 3 * sum(range(21)) + 1))
    assert [row["seq"] for row in events] == list(range(1, 61))
    told = {
        seq: str(at) for at, one in enumerate(ranges) for first, last in one for seq in range(first, last + 1)
    }
    assert {row["seq"]: row["message"] for row in logs} == told


async def test_20_writers_of_all_kinds_leave_events_without_gaps(
    database: Database, make: Factory, writers: Writers
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)

    async def work(one: Database, at: int) -> None:
        await save_state(one, execution, write(), StateChange(patch={f"k{at}": at}))
        await create_checkpoint(one, execution, write(), None, None, None)
        await commit_step(one, execution, write(), commit(f"step {at}"))

    all_of_them = await writers(20)
    await at_once(all_of_them, work)
    (row,) = await rows(database, "executions")
    assert [event["seq"] for event in await rows(database, "events")] == list(range(1, row["event_seq"] + 1))
    assert [step["seq"] for step in await rows(database, "steps")] == list(range(1, 21))
    assert [point["seq"] for point in await rows(database, "checkpoints")] == list(range(1, 41))
    assert (await rows(database, "states"))[0]["version"] == 40


def commit(key: str) -> StepCommit:
    """A step's outcome with every part."""
    return StepCommit(
        StepStart(key),
        StepEnd(StepStatus.COMPLETED),
        StateChange(patch={"committed": key}),
        CheckpointWish(key),
        [LogLine(20, key)],
    )


async def prepared(make: Factory) -> dict[str, Any]:
    """Writes that can be raced with one key."""
    workflow = await make.workflow()
    execution, base = await make.executions(2, workflow, status=ExecutionStatus.RUNNING)
    await make.checkpoints(base, 0)
    keyed = write("once")
    return {
        "createWorkflow": lambda one, at: create_workflow(one, keyed, dict(WORKFLOW)),
        "createExecution": lambda one, at: create_execution(
            one, keyed, workflow, {"trigger_type": "API"}, {"n": 1}
        ),
        "saveState": lambda one, at: save_state(one, execution, keyed, StateChange(patch={"n": 1})),
        "commitStep": lambda one, at: commit_step(one, execution, keyed, commit("a")),
        "appendLogs": lambda one, at: append_logs(one, execution, keyed, [LogLine(20, "x")] * 3),
        "forkExecution": lambda one, at: fork_execution(one, base, 1, keyed, {"n": 1}),
        "createCheckpoint": lambda one, at: create_checkpoint(one, execution, keyed, None, None, None),
        "claimExecutions": lambda one, at: claim_executions(one, keyed, "w", TTL, 1, None),
    }


@pytest.mark.parametrize(
    "mutation",
    [
        *("createWorkflow", "createExecution", "saveState", "commitStep", "appendLogs", "forkExecution"),
        *("createCheckpoint", "claimExecutions"),
    ],
)
async def test_one_key_ten_times_at_once_is_one_write_and_ten_equal_answers(
    database: Database, make: Factory, writers: Writers, mutation: str
) -> None:
    work = (await prepared(make))[mutation]
    first, *others = await writers(11)
    answers = await at_once(others, work)
    once = await counts(database)
    again = await at_once([first], work)
    assert answers == again * 10
    assert await counts(database) == once
    written = await rows(database, "idempotency_keys") + await rows(
        database, "events", idempotency_key="once"
    )
    assert len(written) == 1


async def test_one_key_with_ten_inputs_at_once_is_one_write_and_nine_conflicts(
    database: Database, make: Factory, writers: Writers
) -> None:
    execution = await make.execution()
    all_of_them = await writers(10)
    answers = await at_once(
        all_of_them,
        lambda one, at: save_state(
            one, execution, write("once", fingerprint=b"%d" % at), StateChange(patch={"n": at})
        ),
    )
    assert sorted(map(str, answers)) == ["1", *[IdempotencyConflict.__name__] * 9]
    assert [row["value"] for row in await rows(database, "state_entries")] == [answers.index(1)]


async def test_of_16_who_take_a_lease_one_gets_it(
    database: Database, make: Factory, writers: Writers
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    all_of_them = await writers(16)
    answers = await at_once(
        all_of_them, lambda one, at: acquire_lease(one, execution, write(), f"worker {at}", TTL)
    )
    (row,) = await rows(database, "executions")
    assert sorted(map(str, answers)) == ["1", *["StaleLease"] * 15]
    assert (row["lease_epoch"], row["lease_holder"]) == (1, f"worker {answers.index(1)}")


async def test_two_writers_under_one_epoch_are_both_let_through_and_none_after_it(
    database: Database, make: Factory, worker_url: str, writers: Writers
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await acquire_lease(database, execution, write(), "old", TTL)
    one, other, new = await writers(3)
    answers = await queued(
        worker_url,
        execution,
        lambda: save_state(one, execution, write(epoch=1), StateChange(patch={"one": 1})),
        lambda: recover_execution(new, execution, write(epoch=1), None, ("new", TTL), plan=False),
        lambda: save_state(other, execution, write(epoch=1), StateChange(patch={"late": 1})),
    )
    # Who has waited longer for a row that was changed mostly gets it first, but PostgreSQL does not promise
    # it: the late one may have come before the recovery, which else makes the second version.
    assert (answers[0], answers[2] in ("StaleLease", 2)) == (1, True)


async def test_a_writer_without_an_epoch_that_waited_for_a_lease_to_be_taken_is_stale(
    database: Database, make: Factory, worker_url: str, writers: Writers
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    one, other = await writers(2)
    answers = await queued(
        worker_url,
        execution,
        lambda: acquire_lease(one, execution, write(), "new", TTL),
        lambda: save_state(other, execution, write(), StateChange(patch={"late": 1})),
    )
    assert (answers, await rows(database, "state_entries")) == ([1, "StaleLease"], [])


async def test_of_two_recoverers_at_once_one_gets_the_execution(
    database: Database, make: Factory, writers: Writers
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING, lease_epoch=1)
    all_of_them = await writers(8)
    answers = await at_once(
        all_of_them,
        lambda one, at: recover_execution(one, execution, write(), None, (f"w{at}", TTL), plan=False),
    )
    assert [answer for answer in answers if answer != "StaleLease"] == [Recovered(None, 1, [], [], epoch=2)]


@pytest.fixture
def tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What loses a deadlock is not tried again."""
    monkeypatch.setattr(retry, "ATTEMPTS", 1)


@pytest.mark.usefixtures("tried_once")
@pytest.mark.parametrize("deletes", [True, False], ids=["deleted first", "held first"])
async def test_a_deletion_and_a_hold_of_an_execution_wait_for_each_other_in_one_order(
    make: Factory, worker_url: str, writers: Writers, deletes: bool
) -> None:
    execution = await ended(make)
    one, other = await writers(2)
    works = (
        lambda: delete_execution(one, write(), execution),
        lambda: place_hold(other, write(), Subject.EXECUTION, execution, "a dispute"),
    )
    answers = await queued(worker_url, execution, *(works if deletes else reversed(works)))
    assert answers == ([None, "NotFound"] if deletes else [execution, "InvalidInput"])


@pytest.mark.usefixtures("tried_once")
@pytest.mark.parametrize("deletes", [True, False], ids=["deleted first", "held first"])
async def test_a_deletion_and_a_hold_of_a_workflow_wait_for_each_other_in_one_order(
    make: Factory, worker_url: str, writers: Writers, deletes: bool
) -> None:
    workflow = await make.workflow()
    one, other = await writers(2)
    works = (
        lambda: delete_workflow(one, write(), workflow, cascade=False),
        lambda: place_hold(other, write(), Subject.WORKFLOW, workflow, "a dispute"),
    )
    queue = works if deletes else reversed(works)
    answers = await queued(worker_url, workflow, *queue, table="workflows")
    assert answers == ([0, "NotFound"] if deletes else [workflow, "InvalidInput"])


async def test_a_child_that_comes_while_its_parent_is_cancelled_is_not_left_behind(
    database: Database, make: Factory, worker_url: str, writers: Writers
) -> None:
    workflow = await make.workflow()
    parent = await make.execution(workflow)
    columns = {**BY_API, "parent_id": parent}
    one, other = await writers(2)
    answers = await queued(
        worker_url,
        parent,
        lambda: create_execution(one, write(), workflow, columns, {}),
        lambda: transition_execution(other, parent, write(), ExecutionStatus.CANCELLED, cascade=True),
    )
    assert (isinstance(answers[0], UUID), answers[1]) == (True, None)
    assert [row["status"] for row in await rows(database, "executions")] == ["CANCELLED"] * 2


@pytest.mark.parametrize("deletes", [True, False], ids=["deleted first", "made first"])
async def test_no_child_is_left_with_a_parent_that_was_deleted_meanwhile(
    database: Database, make: Factory, worker_url: str, writers: Writers, deletes: bool
) -> None:
    parent, workflow = await ended(make), await make.workflow()
    one, other = await writers(2)
    works = (
        lambda: delete_execution(one, write(), parent),
        lambda: create_execution(other, write(), workflow, {**BY_API, "parent_id": parent}, {}),
    )
    answers = await queued(worker_url, parent, *(works if deletes else reversed(works)))
    left = [row["parent_id"] for row in await rows(database, "executions")]
    assert (answers[1], left) == (("NotFound", []) if deletes else (None, [None]))


@pytest.mark.usefixtures("tried_once")
async def test_parents_and_children_that_are_cancelled_at_once_wait_for_each_other_in_one_order(
    database: Database, make: Factory, writers: Writers
) -> None:
    workflow = await make.workflow()
    line = [await make.execution(workflow)]
    for _ in range(7):
        line.append(await make.execution(workflow, parent_id=line[-1]))

    async def cancel(one: Database, at: int) -> None:
        await transition_execution(one, line[-1 - at], write(), ExecutionStatus.CANCELLED, cascade=True)

    all_of_them = await writers(8)
    assert await at_once(all_of_them, cancel) == [None] * 8
    assert [row["event_seq"] for row in await rows(database, "executions")] == [1] * 8


async def test_of_two_ends_at_once_one_counts(
    database: Database, make: Factory, worker_url: str, writers: Writers
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    one, other = await writers(2)
    answers = await queued(
        worker_url,
        execution,
        lambda: transition_execution(one, execution, write(), ExecutionStatus.CANCELLED),
        lambda: transition_execution(other, execution, write(), ExecutionStatus.COMPLETED, {"x": 1}),
    )
    assert answers == [None, "InvalidTransition"]
    assert [row["status"] for row in await rows(database, "executions")] == ["CANCELLED"]


async def test_a_heartbeat_that_waited_for_the_end_revives_nothing(
    database: Database, make: Factory, worker_url: str, writers: Writers
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await acquire_lease(database, execution, write(), "w", TTL)
    one, other = await writers(2)
    answers = await queued(
        worker_url,
        execution,
        lambda: transition_execution(one, execution, write(epoch=1), ExecutionStatus.COMPLETED),
        lambda: heartbeat(other, execution, write(epoch=1), "w", TTL),
    )
    assert answers == [None, "InvalidTransition"]


@pytest.mark.parametrize(
    "late",
    [
        lambda one, key: update_execution(one, key, write(), ["x"]),
        lambda one, key: append_logs(one, key, write(), [LogLine(20, "x")]),
        lambda one, key: recover_execution(one, key, write(), None, None, plan=False),
        lambda one, key: append_logs(one, key, write("once"), [LogLine(20, "x")]),
        lambda one, key: append_logs(one, key, write(epoch=0), [LogLine(20, "x")]),
        lambda one, key: fork_execution(one, key, 1, write(), {}),
        lambda one, key: delete_execution(one, write(), key),
    ],
    ids=["tags", "log", "recover", "with a key", "with an epoch", "fork", "delete"],
)
async def test_what_waited_for_a_deletion_finds_nothing_and_leaves_nothing(
    database: Database, make: Factory, worker_url: str, writers: Writers, late: Any
) -> None:
    execution = await ended(make)
    await make.checkpoints(execution, 0)
    one, other = await writers(2)
    answers = await queued(
        worker_url,
        execution,
        lambda: delete_execution(one, write(), execution),
        lambda: late(other, execution),
    )
    left = {table: number for table, number in (await counts(database)).items() if number}
    assert (answers, left) == ([None, "NotFound"], {**GONE, "workflows": 1})


async def test_what_a_deletion_waited_for_goes_with_it(
    database: Database, make: Factory, worker_url: str, writers: Writers
) -> None:
    execution = await ended(make)
    one, other = await writers(2)
    answers = await queued(
        worker_url,
        execution,
        lambda: append_logs(one, execution, write(), [LogLine(20, "x")]),
        lambda: delete_execution(other, write(), execution),
    )
    left = {table: number for table, number in (await counts(database)).items() if number}
    assert (answers, left) == ([(1, 1), None], {**GONE, "workflows": 1})


async def test_an_execution_and_the_deletion_of_its_workflow_exclude_each_other(
    database: Database, make: Factory, writers: Writers
) -> None:
    workflows = [await make.workflow() for _ in range(8)]

    async def race(one: Database, at: int) -> Any:
        if at % 2:
            return await delete_workflow(one, write(), workflows[at // 2], cascade=False)
        return await create_execution(one, write(), workflows[at // 2], dict(BY_API), {})

    all_of_them = await writers(16)
    answers = await at_once(all_of_them, race)
    pairs = [
        (isinstance(made, UUID), gone == 0) for made, gone in zip(answers[::2], answers[1::2], strict=True)
    ]
    assert set(pairs) <= {(True, False), (False, True)}


async def branched(database: Database, make: Factory) -> UUID:
    """An execution with three checkpoints of a growing list."""
    execution = await make.execution()
    for number in (1, 2, 3):
        await save_state(
            database, execution, write(), StateChange(appends={"list": [number]}, patch={"n": number})
        )
        await create_checkpoint(database, execution, write(), None, None, None)
    return execution


async def test_a_fork_that_waited_for_a_pruning_does_not_find_its_checkpoint(
    database: Database, make: Factory, worker_url: str, writers: Writers
) -> None:
    execution = await branched(database, make)
    one, other = await writers(2)
    answers = await queued(
        worker_url,
        execution,
        lambda: prune_checkpoints(one, execution, write(), 1, dry_run=False),
        lambda: fork_execution(other, execution, 1, write(), {}),
    )
    assert (answers[0][0], answers[1]) == ([1, 2], "NotFound")
    assert len(await rows(database, "executions")) == 1


async def test_a_pruning_that_waited_for_a_fork_keeps_its_base(
    database: Database, make: Factory, worker_url: str, writers: Writers
) -> None:
    execution = await branched(database, make)
    one, other = await writers(2)
    fork, pruned = await queued(
        worker_url,
        execution,
        lambda: fork_execution(one, execution, 1, write(), {}),
        lambda: prune_checkpoints(other, execution, write(), 1, dry_run=False),
    )
    assert pruned[0] == [2]
    assert [row["forked_from_seq"] for row in await rows(database, "executions", id=fork)] == [1]


async def test_a_deletion_that_waited_for_a_fork_leaves_its_base(
    database: Database, make: Factory, worker_url: str, writers: Writers
) -> None:
    execution = await branched(database, make)
    one, other = await writers(2)
    fork, refused = await queued(
        worker_url,
        execution,
        lambda: fork_execution(one, execution, 1, write(), {}),
        lambda: delete_checkpoint(other, execution, 1, write()),
    )
    assert refused == "InvalidInput"
    assert [row["forked_from_seq"] for row in await rows(database, "executions", id=fork)] == [1]


async def test_pruning_while_forking_leaves_forks_whole(
    database: Database, make: Factory, writers: Writers
) -> None:
    executions = [await branched(database, make) for _ in range(6)]

    async def race(one: Database, at: int) -> Any:
        execution = executions[at // 2]
        if at % 2:
            return await prune_checkpoints(one, execution, write(), 1, dry_run=False)
        await asyncio.sleep(0.001 * (at % 4))
        return await fork_execution(one, execution, 2, write(), {})

    all_of_them = await writers(12)
    answers = await at_once(all_of_them, race)
    forks = [answer for answer in answers[::2] if isinstance(answer, UUID)]
    assert {answer for answer in answers[::2] if isinstance(answer, str)} <= {"NotFound"}
    values = [
        {row["key"]: row["value"] for row in await rows(database, "state_entries", execution_id=fork)}
        for fork in forks
    ]
    assert values == [{"list": [1, 2], "n": 2}] * len(forks)
