"""Retention: what policies select, what goes, what stays whatever they say, and what the receipt says."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from db.engine import Database
from db.enums import ExecutionStatus, RunStatus, StateOp, Subject
from db.errors import AlreadyExists, InvalidInput, NotFound
from db.ids import uuid7
from db.partitions import TREE
from db.retention.expiry import expire_keys
from db.retention.holds import place_hold, release_hold
from db.retention.policies import create_policy, update_policy
from db.retention.preview import preview
from db.retention.runs import go_on, start_run
from db.retention.selection import Policy
from db.writes.executions import delete_execution, transition_execution
from db.writes.forks import fork_execution
from db.writes.workflows import delete_workflow
from db.writes.write import Write
from tests.factories import Factory
from tests.patience import PATIENCE
from tests.rows import counts, everything, rows

WRITE = Write("somebody", b"")
OLD = datetime.now(UTC) - timedelta(hours=1)
# Within the hour, so that nothing is old enough for its partition to go as a whole.
AGE = timedelta(minutes=30)
ENDS = [status for status in ExecutionStatus if status not in ("PENDING", "RUNNING", "PAUSED")]


def over(status: ExecutionStatus = ExecutionStatus.COMPLETED, ended: datetime = OLD) -> dict[str, Any]:
    """The columns of an execution that ended at a time."""
    return {"status": status, "started_at": ended, "completed_at": ended}


async def apply(database: Database, policy: UUID | None = None) -> dict[str, Any]:
    """Apply the policies to the end; returns the receipt."""
    run = await start_run(database, WRITE, policy)
    async for _ in go_on(database, run):
        pass
    (receipt,) = await rows(database, "retention_runs", id=run)
    return receipt


async def there(database: Database) -> set[UUID]:
    """The executions that are there."""
    return {UUID(row["id"]) for row in await rows(database, "executions")}


async def whole(make: Factory, **given: Any) -> UUID:
    """An execution that is over, with a row in every table of the tree."""
    key = await make.execution(**over(), **given)
    await make.steps(key, 2)
    await make.logs(key, 3)
    await make.events(key, 2)
    await make.metric_points(key, cpu=1.0)
    await make.state(key, {"n": (StateOp.SET, 1)}, {"n": (StateOp.SET, 2)}, checkpoint_seq=2)
    await make.checkpoints(key, 1, 2)
    return key


async def test_nothing_of_an_execution_is_left_in_any_table(database: Database, make: Factory) -> None:
    await make.policy(keep_executions=AGE)
    await whole(make)
    before = await counts(database)
    assert [table for table in TREE if not before[table]] == []
    await apply(database)
    left = await counts(database)
    assert [table for table in TREE if left[table]] == []


async def test_the_receipt_counts_what_went(database: Database, make: Factory) -> None:
    policy = await make.policy(keep_executions=AGE, name="old")
    await whole(make)
    before = await counts(database)
    receipt = await apply(database)
    assert receipt["deleted"] == {table: before[table] for table in TREE}
    assert (receipt["status"], receipt["actor"], receipt["place"]) == (RunStatus.COMPLETED, "somebody", None)
    (said,) = receipt["policies"]
    assert (said["id"], said["name"], said["keepExecutions"]) == (policy.hex, "old", 30 * 60)


async def test_age_counts_from_the_end(database: Database, make: Factory) -> None:
    await make.policy(keep_executions=AGE)
    now = datetime.now(UTC)
    young = await make.execution(**over(ended=now - AGE + timedelta(minutes=1)))
    await make.execution(**over(ended=now - AGE - timedelta(minutes=1)))
    await apply(database)
    assert await there(database) == {young}


@pytest.mark.parametrize("status", ExecutionStatus)
async def test_only_the_statuses_of_a_policy_go(
    database: Database, make: Factory, status: ExecutionStatus
) -> None:
    await make.policy(keep_executions=AGE, statuses=["FAILED", "CANCELLED"])
    columns = over(status) if status in ENDS else {"status": status}
    await make.execution(**columns)
    await apply(database)
    assert bool(await there(database)) == (status not in ("FAILED", "CANCELLED"))


@pytest.mark.parametrize("status", ["PENDING", "RUNNING", "PAUSED"])
async def test_what_has_not_ended_is_never_touched(database: Database, make: Factory, status: str) -> None:
    ages = dict.fromkeys(("keep_executions", "keep_logs", "keep_checkpoints"), timedelta(0))
    await make.policy(**ages)
    key = await make.execution(status=status, started_at=None if status == "PENDING" else OLD)
    await make.logs(key, 3)
    await make.state(key, {"n": (StateOp.SET, 1)}, {"n": (StateOp.SET, 2)}, checkpoint_seq=2)
    await make.checkpoints(key, 1, 2)
    before = await counts(database)
    await apply(database)
    assert {table: (await counts(database))[table] for table in TREE} == {t: before[t] for t in TREE}


async def test_a_policy_is_about_its_workflow_in_all_versions(database: Database, make: Factory) -> None:
    one, other = await make.workflows([{"name": "a", "version": "1"}, {"name": "a", "version": "2"}])
    await make.policy(keep_executions=AGE, workflow_name="a")
    for workflow in (one, other):
        await make.execution(workflow, **over())
    stays = await make.execution(**over())
    await apply(database)
    assert await there(database) == {stays}


async def test_the_newest_of_each_workflow_are_spared(database: Database, make: Factory) -> None:
    one, other = await make.workflows([{"name": "a", "version": "1"}, {"name": "a", "version": "2"}])
    await make.policy(keep_executions=AGE, keep_last=2)
    made = [await make.execution(workflow, **over()) for workflow in (one, other, one, other)]
    alone = await make.execution(**over())
    await apply(database)
    assert await there(database) == {*made[2:], alone}


async def test_the_newest_are_counted_among_what_the_policy_is_about(
    database: Database, make: Factory
) -> None:
    workflow = await make.workflow()
    await make.policy(keep_executions=AGE, keep_last=1, statuses=["FAILED"])
    failed = [await make.execution(workflow, **over(ExecutionStatus.FAILED)) for _ in range(2)]
    completed = await make.execution(workflow, **over())
    await apply(database)
    assert await there(database) == {failed[1], completed}


async def test_what_one_policy_takes_goes_whatever_others_say(database: Database, make: Factory) -> None:
    await make.policy(keep_executions=timedelta(days=365))
    await make.policy(keep_executions=AGE, statuses=["FAILED"])
    completed = await make.execution(**over())
    await make.execution(**over(ExecutionStatus.FAILED))
    await apply(database)
    assert await there(database) == {completed}


async def test_a_disabled_policy_is_applied_only_when_it_is_named(database: Database, make: Factory) -> None:
    policy = await make.policy(keep_executions=AGE, enabled=False)
    await make.execution(**over())
    assert ((await apply(database))["deleted"], len(await there(database))) == ({}, 1)
    await apply(database, policy)
    assert await there(database) == set()


@pytest.mark.parametrize("subject", Subject)
async def test_what_is_on_hold_stays_until_it_is_released(
    database: Database, make: Factory, subject: Subject
) -> None:
    await make.policy(keep_executions=AGE)
    workflow = await make.workflow()
    key = await make.execution(workflow, **over())
    held = key if subject is Subject.EXECUTION else workflow
    await place_hold(database, WRITE, subject, held, "a dispute")
    await apply(database)
    assert await there(database) == {key}
    await release_hold(database, WRITE, subject, held)
    await apply(database)
    assert await there(database) == set()


async def test_what_is_on_hold_nobody_deletes(database: Database, make: Factory) -> None:
    workflow = await make.workflow()
    key = await make.execution(workflow, **over())
    await make.hold(key)
    before = await everything(database)
    with pytest.raises(InvalidInput, match="a dispute"):
        await delete_execution(database, WRITE, key)
    with pytest.raises(InvalidInput, match="a dispute"):
        await delete_workflow(database, WRITE, workflow, cascade=True)
    assert await everything(database) == before


async def test_holds_are_placed_once_on_what_is_there_and_audited(database: Database, make: Factory) -> None:
    key = await make.execution()
    await place_hold(database, WRITE, Subject.EXECUTION, key, "a dispute")
    with pytest.raises(AlreadyExists):
        await place_hold(database, WRITE, Subject.EXECUTION, key, "another")
    await release_hold(database, WRITE, Subject.EXECUTION, key)
    with pytest.raises(NotFound):
        await release_hold(database, WRITE, Subject.EXECUTION, key)
    with pytest.raises(NotFound):
        await place_hold(database, WRITE, Subject.WORKFLOW, uuid7(), "a dispute")
    entries = await rows(database, "audit_entries", subject_id=key.hex)
    assert {entry["type"] for entry in entries} == {"HOLD_PLACED", "HOLD_RELEASED"}


async def test_a_base_stays_as_long_as_its_fork(database: Database, make: Factory) -> None:
    await make.policy(keep_executions=AGE)
    base = await whole(make)
    fork = await fork_execution(database, base, 1, WRITE, {})
    await apply(database)
    assert await there(database) == {base, fork}


async def test_a_base_goes_with_its_fork(database: Database, make: Factory) -> None:
    await make.policy(keep_executions=AGE)
    base = await whole(make)
    await make.execution(**over(), forked_from_execution_id=base, forked_from_seq=1)
    assert (await preview(database)).executions == 2
    await apply(database)
    assert await there(database) == set()


async def test_a_fork_that_stays_keeps_the_whole_line(database: Database, make: Factory) -> None:
    await make.policy(keep_executions=AGE)
    base = await whole(make)
    middle = await make.execution(**over(), forked_from_execution_id=base, forked_from_seq=1)
    await make.checkpoints(middle, 0)
    last = await make.execution(forked_from_execution_id=middle, forked_from_seq=1)
    await apply(database)
    assert await there(database) == {base, middle, last}


async def test_children_forget_a_parent_that_goes(database: Database, make: Factory) -> None:
    await make.policy(keep_executions=AGE)
    child = await make.execution(parent_id=await make.execution(**over()))
    await apply(database)
    (row,) = await rows(database, "executions")
    assert (UUID(row["id"]), row["parent_id"]) == (child, None)


async def test_logs_go_alone(database: Database, make: Factory) -> None:
    await make.policy(keep_logs=AGE)
    await whole(make)
    before = await counts(database)
    assert (await apply(database))["deleted"] == {"log_entries": 3}
    after = await counts(database)
    assert {table for table in TREE if after[table] != before[table]} == {"log_entries"}


async def test_checkpoints_go_but_for_the_head_and_the_bases_of_forks(
    database: Database, make: Factory
) -> None:
    await make.policy(keep_checkpoints=AGE)
    key = await make.execution(**over())
    saves: list[dict[str, tuple[StateOp, Any]]] = [{"n": (StateOp.SET, number)} for number in range(5)]
    await make.state(key, *saves, checkpoint_seq=4)
    await make.checkpoints(key, 1, 2, 3, 4)
    await make.execution(forked_from_execution_id=key, forked_from_seq=2)
    assert (await apply(database))["deleted"] == {"checkpoints": 2, "state_entries": 2}
    assert [row["seq"] for row in await rows(database, "checkpoints")] == [2, 4]
    assert [row["version"] for row in await rows(database, "state_entries")] == [2, 4, 5]
    assert (await apply(database))["deleted"] == {}


async def test_a_preview_says_what_then_goes_and_changes_nothing(database: Database, make: Factory) -> None:
    await make.policy(keep_executions=AGE)
    await make.policy(keep_logs=timedelta(minutes=5), workflow_name="logs")
    await whole(make)
    other = await make.execution(
        await make.workflow(name="logs"), **over(ended=datetime.now(UTC) - timedelta(minutes=10))
    )
    await make.logs(other, 5)
    before = await everything(database)
    seen = await preview(database)
    assert await everything(database) == before
    assert (seen.executions, seen.with_logs, seen.exact) == (1, 1, True)
    assert (seen.oldest, seen.newest) == (OLD, OLD)
    assert {share.table: share.rows for share in seen.tables} == (await apply(database))["deleted"]
    assert all(share.bytes > share.rows for share in seen.tables)


async def test_a_preview_of_many_is_scaled_up(database: Database, make: Factory) -> None:
    for key in await make.executions(300, **over()):
        await make.logs(key, 2)
    seen = await preview(database, Policy(keep_executions=AGE))
    assert (seen.executions, seen.exact) == (300, False)
    assert {share.table: share.rows for share in seen.tables} == {
        "executions": 300,
        "states": 300,
        "log_entries": 600,
    }


async def test_many_go_in_batches(database: Database, make: Factory) -> None:
    await make.policy(keep_executions=AGE)
    await make.executions(1100, **over())
    receipt = await apply(database)
    assert (receipt["deleted"]["executions"], receipt["batches"] >= 3) == (1100, True)


async def test_a_long_log_goes_in_several_batches(
    database: Database, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.retention.phases.ROWS_A_BATCH", 10)
    await make.policy(keep_executions=AGE)
    await make.logs(await make.execution(**over()), 35)
    run = await start_run(database, WRITE)
    batches = [batch.deleted async for batch in go_on(database, run) if batch.deleted]
    assert batches == [{"log_entries": 10}] * 3 + [{"executions": 1, "states": 1, "log_entries": 5}]


async def test_a_run_that_was_left_goes_on_where_it_was(database: Database, make: Factory) -> None:
    await make.policy(keep_executions=AGE)
    await make.executions(1100, **over())
    run = await start_run(database, WRITE)
    async for batch in go_on(database, run):
        if batch.deleted:
            break
    (half,) = await rows(database, "retention_runs")
    assert (half["status"], half["deleted"]["executions"]) == (RunStatus.RUNNING, 500)
    receipt = await apply(database)
    assert (UUID(receipt["id"]), receipt["deleted"]["executions"]) == (run, 1100)


async def test_two_processes_do_the_work_once(database: Database, make: Factory, worker_url: str) -> None:
    await make.policy(keep_executions=AGE)
    await make.executions(1500, **over())
    others = [Database(worker_url, pool_size=1) for _ in range(2)]
    receipts = await asyncio.gather(*(apply(other) for other in others))
    await asyncio.gather(*(other.close() for other in others))
    assert {receipt["id"] for receipt in receipts} == {receipts[0]["id"]}
    (receipt,) = await rows(database, "retention_runs")
    assert (receipt["status"], receipt["deleted"]["executions"]) == (RunStatus.COMPLETED, 1500)


async def test_a_changed_policy_stops_its_run(database: Database, make: Factory) -> None:
    policy = await make.policy(keep_executions=AGE)
    await make.executions(600, **over())
    run = await start_run(database, WRITE)
    async for batch in go_on(database, run):
        if batch.deleted:
            break
    await update_policy(database, WRITE, policy, {"keep_executions": timedelta(days=365)}, 1)
    async for _ in go_on(database, run):
        pass
    (receipt,) = await rows(database, "retention_runs")
    assert (receipt["status"], receipt["deleted"]["executions"]) == (RunStatus.INTERRUPTED, 500)
    assert (await apply(database))["deleted"] == {}


async def test_who_goes_on_with_an_execution_keeps_it(
    database: Database, make: Factory, worker_url: str
) -> None:
    await make.policy(keep_executions=AGE)
    key = await make.execution(**over())
    other = Database(worker_url, pool_size=1)
    async with other.maintaining() as connection:
        await connection.execute("SELECT FROM executions WHERE id = $1 FOR NO KEY UPDATE", key)
        await asyncio.wait_for(apply(database), PATIENCE)
    await other.close()
    assert await there(database) == {key}


async def test_a_writer_goes_on_meanwhile(database: Database, make: Factory, worker_url: str) -> None:
    await make.policy(keep_executions=AGE)
    await make.executions(1500, **over())
    live = await make.execution(status=ExecutionStatus.RUNNING, started_at=OLD)
    other = Database(worker_url, pool_size=1)
    applying = asyncio.create_task(apply(other))
    longest = 0.0
    while not applying.done():
        for to in (ExecutionStatus.PAUSED, ExecutionStatus.RUNNING):
            started = asyncio.get_running_loop().time()
            await transition_execution(database, live, WRITE, to)
            longest = max(longest, asyncio.get_running_loop().time() - started)
    await applying
    await other.close()
    assert longest < 1


async def test_keys_are_forgotten_after_their_time(database: Database) -> None:
    policy = {"name": "old", "keep_executions": AGE}
    await create_policy(database, Write("somebody", b"policy", key="once"), policy)
    assert await expire_keys(database, timedelta(days=1)) == 0
    assert await expire_keys(database, timedelta(0)) == 1


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"keep_executions": timedelta(days=-1)},
        {"keep_logs": timedelta(days=40_000)},
        {"keep_logs": AGE, "statuses": []},
        {"keep_logs": AGE, "keep_last": 0},
    ],
    ids=str,
)
async def test_a_policy_that_makes_no_sense_is_refused(database: Database, columns: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await create_policy(database, WRITE, {"name": "new", **columns})
    assert await everything(database) == []
