"""What a process remembers of the executions that it writes: it saves a look, and never decides wrongly."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from db.engine import Database
from db.enums import ExecutionStatus, StepStatus, WorkflowStatus
from db.errors import InvalidTransition, StaleLease
from db.writes.batch import Batch
from db.writes.checkpoints import create_checkpoint
from db.writes.commits import CheckpointWish, StepCommit, commit_step
from db.writes.executions import create_execution, delete_execution, transition_execution
from db.writes.leases import acquire_lease, heartbeat, release_lease
from db.writes.recent import Recent
from db.writes.records import LogLine, append_logs
from db.writes.states import StateChange, save_state, saving
from db.writes.steps import StepEnd, StepStart, start_step
from db.writes.workflows import delete_workflow, set_workflow_status
from db.writes.write import Write
from tests.conftest import Statements
from tests.factories import Factory
from tests.races.writers import outcome
from tests.rows import rows

HOUR = timedelta(hours=1)
LOOK_AND_WRITE, WRITE_ALONE = ["SELECT", "WITH"], ["WITH"]
WRITTEN_IN_VAIN = WRITE_ALONE + LOOK_AND_WRITE


def write(key: str | None = None, epoch: int | None = None) -> Write:
    """The circumstances of a write."""
    return Write("test", b"same", key, epoch)


@pytest_asyncio.fixture
async def processes(worker_url: str) -> AsyncIterator[list[Database]]:
    """The database as two processes have it."""
    both = [Database(worker_url, pool_size=1) for _ in range(2)]
    yield both
    for each in both:
        await each.close()


@pytest.fixture
def one(processes: list[Database]) -> Database:
    """As one process has it."""
    return processes[0]


@pytest.fixture
def other(processes: list[Database]) -> Database:
    """As another process has it."""
    return processes[1]


@pytest_asyncio.fixture
async def execution(one: Database, make: Factory) -> UUID:
    """A running execution that `one` has written to."""
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await save(one, execution, 0)
    return execution


async def save(database: Database, execution: UUID, number: int, **circumstances: Any) -> int:
    """A save of one variable; returns the version."""
    return await save_state(database, execution, write(**circumstances), StateChange(patch={"n": number}))


async def commit(database: Database, execution: UUID, step: str, key: str | None = None) -> int:
    """A step's end with all that goes with it; returns its seq."""
    parts = (StateChange(patch={"n": step}), CheckpointWish("x"), [LogLine(20, "line")])
    ended = StepCommit(StepStart(step), StepEnd(StepStatus.COMPLETED), *parts)
    return (await commit_step(database, execution, write(key), ended)).step


async def said(statements: Statements, work: Awaitable[Any]) -> list[str]:
    """The first words of what is said to PostgreSQL for a write."""
    await statements.clear()
    await work
    await asyncio.sleep(0)  # the driver tells of a statement in the loop's next turn
    return [statement.split()[0] for statement in statements.seen]


@pytest.mark.parametrize(
    "again",
    [
        lambda database, key: save(database, key, 1),
        lambda database, key: save(database, key, 1, key="once"),
        lambda database, key: create_checkpoint(database, key, write(), None, "x", {"a": 1}),
        lambda database, key: append_logs(database, key, write(), [LogLine(20, "x")] * 100),
        lambda database, key: start_step(database, key, write(), StepStart("s")),
        lambda database, key: commit(database, key, "s"),
        lambda database, key: commit(database, key, "s", key="once"),
        lambda database, key: acquire_lease(database, key, write(), "engine", HOUR),
    ],
    ids=["save", "with a key", "checkpoint", "logs", "start", "commit", "commit with a key", "lease"],
)
async def test_the_next_write_of_a_process_is_one_statement(
    one: Database,
    execution: UUID,
    all_statements: Statements,
    again: Callable[[Database, UUID], Awaitable[Any]],
) -> None:
    assert await said(all_statements, again(one, execution)) == WRITE_ALONE


async def test_a_step_that_this_process_has_started_is_known(
    one: Database, execution: UUID, all_statements: Statements
) -> None:
    started = await start_step(one, execution, write(), StepStart("s"))
    assert await said(all_statements, commit(one, execution, "s")) == WRITE_ALONE
    assert await commit(one, execution, "t") == started + 1


async def test_the_first_of_many_steps_under_way_is_looked_up(
    one: Database, execution: UUID, all_statements: Statements
) -> None:
    for number in range(60):
        await start_step(one, execution, write(), StepStart(f"s{number}"))
    assert await said(all_statements, commit(one, execution, "s0")) == LOOK_AND_WRITE
    assert await commit(one, execution, "s1") == 2


async def test_a_step_that_ended_long_ago_is_known(one: Database, execution: UUID) -> None:
    first = await commit(one, execution, "first")
    for number in range(20):
        await commit(one, execution, f"s{number}")
    assert await commit(one, execution, "first") == first


async def test_what_is_too_large_to_remember_is_looked_at(
    one: Database, execution: UUID, all_statements: Statements
) -> None:
    large = StateChange(patch={"large": "x" * 70_000})
    await save_state(one, execution, write(), large)
    assert await said(all_statements, save(one, execution, 1)) == LOOK_AND_WRITE


async def test_what_was_left_long_ago_is_looked_at(
    one: Database, execution: UUID, all_statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.writes.recent.SECONDS", 0.0)
    assert await said(all_statements, save(one, execution, 1)) == LOOK_AND_WRITE


async def test_the_fields_of_a_state_are_remembered(
    database: Database, one: Database, execution: UUID, all_statements: Statements
) -> None:
    done = [StateChange(fields={"completed_steps": ["a", "b"][:number]}) for number in (1, 2)]
    await save_state(one, execution, write(), done[0])
    assert await said(all_statements, save_state(one, execution, write(), done[1])) == WRITE_ALONE
    (state,) = await rows(database, "states", execution_id=execution)
    assert state["completed_steps"] == ["a", "b"]


async def test_what_another_process_wrote_is_seen(
    one: Database, other: Database, execution: UUID, all_statements: Statements
) -> None:
    await save(other, execution, 1)
    assert await said(all_statements, save(one, execution, 2)) == WRITTEN_IN_VAIN
    assert await save(one, execution, 3) == 4


async def test_who_writes_in_turn_with_another_looks_first(
    one: Database, other: Database, execution: UUID, all_statements: Statements
) -> None:
    for number in range(2):
        await save(other, execution, number)
        await save(one, execution, number)
    await save(other, execution, 2)
    assert await said(all_statements, save(one, execution, 2)) == LOOK_AND_WRITE


async def test_who_writes_alone_again_need_not_look_any_more(
    one: Database, other: Database, execution: UUID, all_statements: Statements
) -> None:
    await save(other, execution, 1)
    for number in range(2):
        await save(one, execution, number)
    assert await said(all_statements, save(one, execution, 2)) == WRITE_ALONE


async def test_a_key_that_was_used_is_found(one: Database, execution: UUID) -> None:
    first = await save(one, execution, 1, key="once")
    await save(one, execution, 2)
    assert await save(one, execution, 1, key="once") == first


async def test_a_step_that_another_process_has_started_is_found(
    one: Database, other: Database, execution: UUID
) -> None:
    started = await start_step(other, execution, write(), StepStart("s"))
    assert await commit(one, execution, "s") == started


async def test_a_step_that_began_before_this_process_wrote_is_found(
    database: Database, one: Database, make: Factory
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await make.steps(execution, 1, status=StepStatus.RUNNING)
    await save(one, execution, 0)
    (step,) = await rows(database, "steps", execution_id=execution)
    assert await commit(one, execution, step["key"]) == step["seq"]


async def test_no_refusal_is_given_from_memory(one: Database, other: Database, execution: UUID) -> None:
    await acquire_lease(one, execution, write(), "engine", HOUR)
    await release_lease(other, execution, write(), "engine")
    assert await save(one, execution, 1) == 2


async def test_what_is_refused_by_now_is_refused(one: Database, other: Database, execution: UUID) -> None:
    await acquire_lease(other, execution, write(), "engine", HOUR)
    with pytest.raises(StaleLease):
        await save(one, execution, 1)


async def test_a_heartbeat_of_another_process_does_not_get_lost(
    database: Database, one: Database, other: Database, execution: UUID
) -> None:
    epoch = await acquire_lease(one, execution, write(), "engine", timedelta(minutes=1))
    await heartbeat(other, execution, write(epoch=epoch), "engine", HOUR)
    await save(one, execution, 1, epoch=epoch)
    (row,) = await rows(database, "executions", id=execution)
    lasts = datetime.fromisoformat(row["lease_expires_at"]) - datetime.fromisoformat(row["heartbeat_at"])
    assert lasts == HOUR


async def test_what_another_process_has_deleted_is_not_there(
    one: Database, other: Database, execution: UUID
) -> None:
    await delete_execution_of(other, execution)
    assert await outcome(save(one, execution, 1)) == "NotFound"


async def test_what_is_refused_does_not_wait_for_who_holds_the_row(
    database: Database, one: Database, make: Factory
) -> None:
    execution = await make.execution(status=ExecutionStatus.COMPLETED)
    async with database.changing() as holder:
        await holder.execute("SELECT FROM executions WHERE id = $1 FOR UPDATE", execution)
        with pytest.raises(InvalidTransition):
            await save(one, execution, 1)


NEWEST = ("w", None)


async def created(
    database: Database, workflow: UUID | tuple[str, str | None], key: str | None = None
) -> UUID:
    """A new execution of a workflow."""
    return await create_execution(database, write(key), workflow, {"trigger_type": "API"}, {"n": 1})


@pytest.mark.parametrize("key", [None, "once"])
async def test_the_next_execution_of_a_workflow_is_one_statement(
    one: Database, make: Factory, all_statements: Statements, key: str | None
) -> None:
    await make.workflow(name="w")
    await created(one, NEWEST)
    assert await said(all_statements, created(one, NEWEST, key)) == WRITE_ALONE


async def test_a_version_that_another_process_has_added_is_the_newest(
    database: Database, one: Database, make: Factory
) -> None:
    await make.workflow(name="w", version="1")
    await created(one, NEWEST)
    newest = await make.workflow(name="w", version="2")
    (row,) = await rows(database, "executions", id=await created(one, NEWEST))
    assert row["workflow_id"] == str(newest)


async def test_a_workflow_that_another_process_has_archived_starts_nothing(
    one: Database, other: Database, make: Factory
) -> None:
    workflow = await make.workflow()
    await created(one, workflow)
    await set_workflow_status(other, write(), workflow, WorkflowStatus.DEPRECATED, None)
    await set_workflow_status(other, write(), workflow, WorkflowStatus.ARCHIVED, None)
    assert await outcome(created(one, workflow)) == "InvalidInput"


async def test_no_execution_is_refused_from_memory(one: Database, other: Database, make: Factory) -> None:
    workflow = await make.workflow(status=WorkflowStatus.INACTIVE)
    assert await outcome(created(one, workflow)) == "InvalidInput"
    await set_workflow_status(other, write(), workflow, WorkflowStatus.ACTIVE, None)
    assert isinstance(await created(one, workflow), UUID)


async def test_a_workflow_that_is_gone_is_not_found(one: Database, other: Database, make: Factory) -> None:
    workflow = await make.workflow()
    await delete_execution_of(other, await created(one, workflow))
    await delete_workflow(other, write(), workflow, cascade=False)
    assert await outcome(created(one, workflow)) == "NotFound"


async def delete_execution_of(database: Database, execution: UUID) -> None:
    """End an execution and delete it."""
    await transition_execution(database, execution, write(), ExecutionStatus.CANCELLED)
    await delete_execution(database, write(), execution)


async def test_a_key_of_another_process_makes_the_same_execution(
    one: Database, other: Database, make: Factory
) -> None:
    workflow = await make.workflow()
    await created(one, workflow)
    first = await created(other, workflow, "once")
    assert await created(one, workflow, "once") == first


async def test_times_go_on_from_write_to_write(database: Database, one: Database, execution: UUID) -> None:
    for number in range(20):
        await save(one, execution, number)
    times = [event["at"] for event in await rows(database, "events", execution_id=execution)]
    assert times == sorted(times)


async def test_memory_is_bounded(one: Database, make: Factory, all_statements: Statements) -> None:
    recent, executions = Recent(most_bytes=20_000), [await make.execution() for _ in range(10)]
    change = StateChange(patch={"n": "x" * 3000})

    async def saved(execution: UUID) -> None:
        await Batch([saving(execution, write(), change)], recent).make(one, skip_locked=True)

    for execution in executions:
        await saved(execution)
    remembered = [await said(all_statements, saved(execution)) for execution in executions[::-1]]
    assert remembered == [WRITE_ALONE] * 3 + [LOOK_AND_WRITE] * 7


async def test_what_is_taken_to_be_new_is_looked_up_by_its_key(
    database: Database, one: Database, execution: UUID, all_statements: Statements
) -> None:
    ended = StepCommit(StepStart("s"), StepEnd(StepStatus.COMPLETED))
    await said(all_statements, commit_step(one, execution, write("once"), ended))
    (statement,) = all_statements.seen
    async with database.batching() as driver:
        values = [execution, execution, *[None] * (len(set(re.findall(r"\$\d+", statement))) - 2)]
        plan = await driver.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *values)
    found = re.findall(r'"Index Cond": "([^"]*)"', json.dumps(json.loads(plan)))
    assert {"key = " in one for one in found if "execution_id = e" in one} == {True}
