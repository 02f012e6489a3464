"""Writes that are made together: what each hears, what the others hear of it, and what the database has."""

import asyncio
import re
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from db.engine import Database
from db.enums import ExecutionStatus, LogLevel, StepStatus
from db.errors import FlowkeepError, InvalidInput, NotFound, Unavailable
from db.partitions import cover
from db.writes.answers import Answer
from db.writes.batch import Batch, WriteRequest
from db.writes.checkpoints import checkpointing, deleting, pruning
from db.writes.executions import create_execution, labelling, transition_execution
from db.writes.records import LogLine, append_logs, appending
from db.writes.recovery import recover_execution
from db.writes.states import StateChange, save_state, saving
from db.writes.steps import StepStart, start_step
from db.writes.write import Write
from db.writes.writer import MOST_BYTES, Writer, writer_of
from tests.conftest import Statements
from tests.factories import Factory
from tests.patience import PATIENCE
from tests.rows import rows

LINE = [LogLine(LogLevel.INFO, "line")]
ALL_OF_A_SAVE = ["SELECT", "WITH"]


def write(key: str | None = None) -> Write:
    """The circumstances of a write."""
    return Write("test", b"same", key)


def save(execution: UUID, number: int, key: str | None = None) -> WriteRequest:
    """A save of one variable."""
    return saving(execution, write(key), StateChange(patch={"n": number}))


async def together(database: Database, *requests: WriteRequest) -> list[Answer]:
    """What becomes of writes in one batch."""
    return await Batch(requests).make(database, skip_locked=True)


async def counted(database: Database, execution: UUID) -> tuple[int, int, int]:
    """How many events and log entries there are, and the state's version."""
    async with database.reading() as connection:
        row = await connection.fetchrow(
            """SELECT (SELECT count(*) FROM events WHERE execution_id = $1),
                      (SELECT count(*) FROM log_entries WHERE execution_id = $1),
                      (SELECT version FROM states WHERE execution_id = $1)""",
            execution,
        )
    return tuple(row)


async def test_writes_to_one_execution_see_each_other(database: Database, make: Factory) -> None:
    execution = await make.execution()
    answers = await together(database, *(save(execution, number) for number in range(3)))
    assert answers == [{"version": 1}, {"version": 2}, {"version": 3}]


async def labels_of(database: Database, execution: UUID) -> tuple[list[str], str, str | None, int]:
    """Tags, attributes and their form where jsonb changes it, and how many log entries were counted."""
    async with database.reading() as connection:
        row = await connection.fetchrow(
            "SELECT tags, attributes, attributes_exact, log_seq FROM executions WHERE id = $1", execution
        )
    return tuple(row)


async def test_tags_attributes_and_counters_of_one_batch_are_all_kept(
    database: Database, make: Factory
) -> None:
    execution = await make.execution()
    await together(
        database,
        labelling(execution, write(), ["a", "b"], {"n": 1e20}),
        appending(execution, write(), LINE),
        labelling(execution, write(), None, {"m": "x"}),
    )
    assert await labels_of(database, execution) == (
        ["a", "b"],
        '{"m": "x", "n": 100000000000000000000}',
        '{"n":1e+20,"m":"x"}',
        1,
    )


async def test_what_a_change_of_tags_does_not_say_stays_as_it_was_written(
    database: Database, make: Factory
) -> None:
    execution = await make.execution()
    await together(database, labelling(execution, write(), ["a"], {"n": 1e20}))
    before = await labels_of(database, execution)
    await together(database, labelling(execution, write(), ["b"], None))
    assert await labels_of(database, execution) == (["b"], *before[1:])


@pytest.mark.parametrize("writes", [1, 40])
async def test_changes_of_tags_are_two_statements(
    worker_url: str, make: Factory, all_statements: Statements, writes: int
) -> None:
    executions = [await make.execution() for _ in range(4)]
    own = Database(worker_url, pool_size=1)
    await together(own, labelling(executions[0], write(), ["first"], None))
    await all_statements.clear()
    await together(
        own, *(labelling(executions[number % 4], write(), [f"{number}"], None) for number in range(writes))
    )
    await own.close()
    assert [statement.split()[0].rstrip(";") for statement in all_statements.seen] == ALL_OF_A_SAVE


@pytest.mark.parametrize("writes", [1, 40])
async def test_a_batch_is_two_statements_whatever_it_holds(
    worker_url: str, make: Factory, all_statements: Statements, writes: int
) -> None:
    executions = [await make.execution() for _ in range(4)]
    own = Database(worker_url, pool_size=1)
    await together(own, save(executions[0], 0))
    await all_statements.clear()
    await together(own, *(save(executions[number % 4], number) for number in range(writes)))
    await own.close()
    assert [statement.split()[0].rstrip(";") for statement in all_statements.seen] == ALL_OF_A_SAVE


async def test_what_arrives_round_by_round_goes_together(
    worker_url: str, make: Factory, all_statements: Statements
) -> None:
    executions = [await make.execution() for _ in range(8)]
    own = Database(worker_url, pool_size=4)
    await together(own, save(executions[0], 0))
    await all_statements.clear()

    async def later(rounds: int, execution: UUID) -> None:
        for _ in range(rounds):
            await asyncio.sleep(0)
        await writer_of(own).write(save(execution, 1))

    await asyncio.gather(*(later(rounds, execution) for rounds, execution in enumerate(executions)))
    await own.close()
    assert [statement.split()[0].rstrip(";") for statement in all_statements.seen] == ALL_OF_A_SAVE


async def checkpointed(database: Database, make: Factory, number: int) -> UUID:
    """An execution with checkpoints of versions in which a list has grown and a value changed."""
    execution = await make.execution()
    for at in range(number):
        change = StateChange(patch={"n": at}, appends={"list": [at]})
        taken = checkpointing(execution, write(), None, None, None)
        await together(database, saving(execution, write(), change), taken)
    return execution


@pytest.mark.parametrize(
    ("asked", "looks"),
    [
        (lambda execution: deleting(execution, write(), 2), 2),
        (lambda execution: pruning(execution, write(), 1), 3),
    ],
    ids=["deleting", "pruning"],
)
async def test_deletions_of_checkpoints_look_again_under_the_lock_and_write_once(
    worker_url: str,
    make: Factory,
    all_statements: Statements,
    asked: Callable[[UUID], WriteRequest],
    looks: int,
) -> None:
    own = Database(worker_url, pool_size=1)
    executions, other = [await checkpointed(own, make, 3) for _ in range(3)], await make.execution()
    await all_statements.clear()
    await together(own, *map(asked, executions), save(other, 1))
    await own.close()
    seen = [statement.split()[0].rstrip(";") for statement in all_statements.seen]
    # Before any row the lock of the holds is taken, once for all.
    assert seen == ["BEGIN", *["SELECT"] * (1 + looks), "WITH", "COMMIT"]


async def test_a_deletion_sees_the_checkpoints_that_arrived_with_it(
    database: Database, make: Factory
) -> None:
    execution, writer = await make.execution(), Writer(database)
    taken = checkpointing(execution, write(), None, None, None)
    series = [taken, taken, deleting(execution, write(), 1), taken, pruning(execution, write(), 1)]
    outcomes = await asyncio.gather(*map(writer.write, series))
    assert outcomes[2:] == [{}, {"checkpoint": 3}, {"checkpoints": [2], "rows": 0}]


async def test_one_poisoned_write_hurts_none_of_its_neighbours(database: Database, make: Factory) -> None:
    executions = [await make.execution() for _ in range(51)]
    poisoned = [LogLine(99, "no such level")]  # which only the table's CHECK refuses
    entries = [poisoned if number == 25 else LINE for number in range(51)]
    works = [
        append_logs(database, key, write(), lines) for key, lines in zip(executions, entries, strict=True)
    ]
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    assert [number for number, outcome in enumerate(outcomes) if isinstance(outcome, FlowkeepError)] == [25]
    assert isinstance(outcomes[25], InvalidInput)
    assert [(await counted(database, key))[1] for key in executions] == [int(at != 25) for at in range(51)]


async def test_a_decision_that_breaks_hurts_none_of_its_neighbours(database: Database, make: Factory) -> None:
    good, bad = await make.execution(), await make.execution()
    writer = Writer(database)
    broken = WriteRequest(bad, write(), lambda draft: {"broken": draft.latest("never asked for")})
    outcomes = await asyncio.gather(
        writer.write(broken), writer.write(appending(good, write(), LINE)), return_exceptions=True
    )
    assert isinstance(outcomes[0], KeyError)
    assert outcomes[1] == {"first": 1, "last": 1}


async def test_a_caller_that_goes_away_does_not_stop_a_write_that_has_begun(
    database: Database, make: Factory
) -> None:
    execution = await make.execution()
    gone = asyncio.create_task(save_state(database, execution, write(), StateChange(patch={"n": 1})))
    while not writer_of(database)._running:  # noqa: ASYNC110 - in some round of the loop
        await asyncio.sleep(0)
    gone.cancel()
    await save_state(database, execution, write(), StateChange(patch={"n": 2}))
    assert (await counted(database, execution))[2] == 2


async def test_a_write_that_has_not_begun_goes_with_its_caller(database: Database, make: Factory) -> None:
    execution = await make.execution()
    gone = asyncio.create_task(save_state(database, execution, write(), StateChange(patch={"n": 1})))
    await asyncio.sleep(0)
    gone.cancel()
    await save_state(database, execution, write(), StateChange(patch={"n": 2}))
    assert (await counted(database, execution))[2] == 1


async def test_order_of_arrival_is_kept(database: Database, make: Factory) -> None:
    execution = await make.execution()
    writer = Writer(database, most_writes=3, lanes=3)
    outcomes = await asyncio.gather(*(writer.write(save(execution, number)) for number in range(20)))
    assert [outcome["version"] for outcome in outcomes] == list(range(1, 21))


async def test_what_is_large_waits_for_nobody_and_takes_nobody_along(
    worker_url: str, make: Factory, all_statements: Statements
) -> None:
    execution, own = await make.execution(), Database(worker_url, pool_size=4)
    large = Write("test", b"same", size=MOST_BYTES)
    await save_state(own, execution, write(), StateChange(patch={"n": 0}))
    await all_statements.clear()
    await asyncio.gather(
        append_logs(own, execution, write(), [LogLine(LogLevel.INFO, "x" * MOST_BYTES)]),
        save_state(own, execution, large, StateChange(patch={"n": 1})),
        append_logs(own, execution, write(), LINE),
        append_logs(own, execution, write(), LINE),
    )
    await asyncio.sleep(0)  # the driver tells of a statement in the loop's next turn
    await own.close()
    assert [statement.split()[0] for statement in all_statements.seen] == ["WITH"] * 3


@pytest.mark.parametrize(("status", "arm"), [(None, "counted_executions"), ("RUNNING", "executions")])
async def test_all_of_a_batch_is_written_by_arms_for_little_or_for_all(
    worker_url: str, make: Factory, all_statements: Statements, status: str | None, arm: str
) -> None:
    executions, own = [await make.execution() for _ in range(2)], Database(worker_url, pool_size=4)
    works: list[Awaitable[object]] = [save_state(own, executions[0], write(), StateChange(patch={"n": 1}))]
    if status is not None:
        works.append(transition_execution(own, executions[1], write(), ExecutionStatus(status)))
    await all_statements.clear()
    await asyncio.gather(*works)
    await asyncio.sleep(0)  # the driver tells of a statement in the loop's next turn
    await own.close()
    assert re.findall(r"of_(\w*executions) AS", all_statements.seen[-1]) == [arm]


@pytest.mark.parametrize("odd", [None, 0, 57, 149])
async def test_many_rows_are_written_as_they_are_where_they_are_alike(
    database: Database, make: Factory, odd: int | None
) -> None:
    execution = await make.execution()
    await start_step(database, execution, write(), StepStart("s"))
    alike, other = LogLine(LogLevel.WARN, "like the others", "s"), LogLine(LogLevel.ERROR, "the odd one")
    lines = [other if number == odd else alike for number in range(150)]
    await append_logs(database, execution, write(), lines)
    there = await rows(database, "log_entries", execution_id=execution)
    assert [(row["level"], row["message"], row["step_seq"]) for row in there] == [
        (line.level, line.message, line.step_key and 1) for line in lines
    ]


@pytest_asyncio.fixture
async def stranger(worker_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of somebody else."""
    connection = await asyncpg.connect(worker_url.replace("+asyncpg", ""))
    yield connection
    await connection.close()


async def test_what_a_stranger_holds_keeps_nobody_else_waiting(
    worker_url: str, database: Database, make: Factory, stranger: asyncpg.Connection
) -> None:
    held, free = await make.execution(), await make.execution()
    own = Database(worker_url, pool_size=4)
    async with stranger.transaction():
        await stranger.execute("SELECT FROM executions WHERE id = $1 FOR UPDATE", held)
        waits = asyncio.create_task(save_state(own, held, write(), StateChange(patch={"n": 1})))
        async with asyncio.timeout(PATIENCE):
            await save_state(own, free, write(), StateChange(patch={"n": 1}))
        assert not waits.done()
    assert await waits == 1
    await own.close()


async def test_what_a_stranger_wrote_while_it_was_waited_for_is_seen(
    worker_url: str, database: Database, make: Factory, stranger: asyncpg.Connection
) -> None:
    await cover(database, [datetime(2020, 1, 1, tzinfo=UTC)])  # the execution is not in the first partition
    execution = await make.execution()
    own = Database(worker_url, pool_size=2)
    async with stranger.transaction():
        await stranger.execute("UPDATE executions SET event_seq = 1 WHERE id = $1", execution)
        await stranger.execute("UPDATE states SET version = 7 WHERE execution_id = $1", execution)
        waits = asyncio.create_task(save_state(own, execution, write(), StateChange(patch={"n": 1})))
        await asyncio.sleep(0.2)
    assert await waits == 8
    await own.close()


async def test_two_processes_on_the_same_executions_lose_and_double_nothing(
    worker_url: str, database: Database, make: Factory
) -> None:
    executions = [await make.execution() for _ in range(10)]
    processes = [Database(worker_url, pool_size=3) for _ in range(2)]
    works = [
        append_logs(process, executions[number % 10], write(f"{number}"), LINE)
        for number in range(200)
        for process in processes
    ]
    await asyncio.gather(*works)
    assert [await counted(database, key) for key in executions] == [(20, 20, 0)] * 10
    await asyncio.gather(*(process.close() for process in processes))


async def test_an_execution_that_is_not_there_hurts_none_of_its_neighbours(
    database: Database, make: Factory
) -> None:
    execution = await make.execution()
    missing, there = await together(database, save(UUID(int=7), 1), save(execution, 1))
    assert isinstance(missing, NotFound)
    assert there == {"version": 1}


async def test_a_thousand_writers_at_once_are_served_fairly(worker_url: str, make: Factory) -> None:
    executions = [await make.execution() for _ in range(100)]
    own, times = Database(worker_url, pool_size=4), list[float]()

    async def timed(number: int) -> None:
        start = time.perf_counter()
        await save_state(own, executions[number % 100], write(), StateChange(patch={"n": number}))
        times.append(time.perf_counter() - start)

    await asyncio.gather(*map(timed, range(1000)))
    assert max(times) < 20 * statistics.median(times)
    await own.close()


async def test_a_workflow_that_is_being_changed_delays_only_its_own_executions(
    worker_url: str, database: Database, make: Factory, stranger: asyncpg.Connection
) -> None:
    held, free = await make.workflow(), await make.workflow()
    own = Database(worker_url, pool_size=4)
    async with stranger.transaction():
        await stranger.execute("SELECT FROM workflows WHERE id = $1 FOR UPDATE", held)
        waits = asyncio.create_task(create_execution(own, write(), held, {"trigger_type": "API"}, {}))
        async with asyncio.timeout(PATIENCE):
            await create_execution(own, write(), free, {"trigger_type": "API"}, {})
        assert not waits.done()
    assert await waits
    await own.close()


async def test_creating_twice_with_one_key_makes_one_execution(worker_url: str, make: Factory) -> None:
    workflow = await make.workflow()
    processes = [Database(worker_url, pool_size=2) for _ in range(2)]
    created = await asyncio.gather(
        *(
            create_execution(process, write("same"), workflow, {"trigger_type": "API"}, {"a": 1})
            for process in processes
            for _ in range(5)
        )
    )
    assert len(set(created)) == 1
    await asyncio.gather(*(process.close() for process in processes))


async def test_an_unreachable_database_is_said_and_nothing_is_kept(make: Factory) -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing", connect_timeout=0.2)
    with pytest.raises(Unavailable):
        await save_state(nowhere, await make.execution(), write(), StateChange(patch={"n": 1}))
    await nowhere.close()


@pytest.mark.parametrize("steps", [3, 3000])
async def test_recovery_is_the_same_two_statements_however_many_steps(
    worker_url: str, make: Factory, all_statements: Statements, steps: int
) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await make.steps(execution, steps, status=StepStatus.RUNNING)
    own = Database(worker_url, pool_size=1)
    await together(own, save(execution, 0))
    await all_statements.clear()
    recovered = await recover_execution(
        own, execution, write(), None, ("engine", timedelta(hours=1)), plan=False
    )
    await own.close()
    assert len(recovered.rerun) == steps
    assert [statement.split()[0].rstrip(";") for statement in all_statements.seen] == ALL_OF_A_SAVE


async def test_a_listener_that_breaks_stops_no_later_write(worker_url: str, make: Factory) -> None:
    execution, own = await make.execution(), Database(worker_url, pool_size=1)
    broken = [RuntimeError("one"), RuntimeError("two")]

    def listen(*changed: object) -> None:
        if broken:
            raise broken.pop()

    own.on_commit(listen)
    for version in (1, 2, 3):
        async with asyncio.timeout(PATIENCE):
            assert await save_state(own, execution, write(), StateChange(patch={"n": version})) == version
    await own.close()
