"""Whole partitions: dropped, or emptied of their logs, when everything in them may go, and only then."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from db.embedded import EmbeddedPostgres
from db.engine import Database
from db.enums import ExecutionStatus, StateOp
from db.ids import uuid7, uuid7_floor
from db.migrate import migrate
from db.partitions import TREE, cover, cover_ahead, list_ranges
from db.retention.preview import preview
from db.retention.runs import go_on, start_run
from db.writes.records import LogLine, append_logs
from db.writes.write import Write
from tests.conftest import TEMPLATE, create_database, drop_database
from tests.factories import Factory
from tests.postgres import PROGRAMS
from tests.rows import counts, rows

WRITE = Write("somebody", b"")
PAST = datetime(2024, 2, 10, 12, tzinfo=UTC)
COMPLETED: dict[str, Any] = {"status": ExecutionStatus.COMPLETED}


@pytest_asyncio.fixture
async def own_url(cluster_url: str) -> AsyncIterator[str]:
    """A database with a partition of the past, which may go."""
    url = await create_database(cluster_url, f"retention_{os.getpid()}", TEMPLATE)
    yield url
    await drop_database(url)


@pytest_asyncio.fixture
async def own(own_url: str) -> AsyncIterator[Database]:
    """That database through a pool of one connection."""
    database = Database(own_url, pool_size=1)
    await cover(database, [PAST, PAST + timedelta(days=31)])
    yield database
    await database.close()


async def apply(database: Database) -> dict[str, Any]:
    """Apply the policies to the end; returns the receipt."""
    run = await start_run(database, WRITE)
    async for _ in go_on(database, run):
        pass
    (receipt,) = await rows(database, "retention_runs", id=run)
    return receipt


async def starts(database: Database) -> list[str]:
    """The months of the partitions of the past."""
    async with database.reading() as connection:
        ranges = await list_ranges(connection)
    return [f"{one.start:%Y%m%d}" for one in ranges if one.start.year == PAST.year]


async def whole(make: Factory, **given: Any) -> UUID:
    """An execution of the past with a row in every table of the tree."""
    key = await make.execution(id=uuid7(PAST), **COMPLETED, **given)
    await make.steps(key, 2)
    await make.logs(key, 3)
    await make.events(key, 2)
    await make.metric_points(key, cpu=1.0)
    await make.state(key, {"n": (StateOp.SET, 1)}, checkpoint_seq=1)
    await make.checkpoints(key, 1)
    return key


async def test_a_range_goes_as_a_whole_when_all_of_it_may(own: Database) -> None:
    make = Factory(own)
    await make.policy()
    key = await whole(make)
    await whole(make, parent_id=key, forked_from_execution_id=key, forked_from_seq=1)
    later = await make.execution(id=uuid7(PAST + timedelta(days=31)), parent_id=key)
    before = await counts(own)
    ahead = await preview(own)
    receipt = await apply(own)
    assert (ahead.partitions, await starts(own)) == (("executions_20240201",), ["20240301"])
    assert receipt["partitions"] == [f"{table}_20240201" for table in reversed(TREE)]
    of_later = {"executions": 1, "states": 1}
    assert receipt["deleted"] == {table: before[table] - of_later.get(table, 0) for table in TREE}
    (left,) = await rows(own, "executions")
    assert (left["id"], left["parent_id"]) == (str(later), None)
    noted = await rows(own, "deleted_executions")
    assert (len(noted), {row["actor"] for row in noted}) == (before["executions"] - 1, {"somebody"})


async def test_nothing_is_left_of_what_was_dropped(own: Database) -> None:
    make = Factory(own)
    await make.policy()
    await whole(make)
    await apply(own)
    left = await counts(own)
    assert [table for table in TREE if left[table]] == []
    async with own.reading() as connection:
        found = await connection.fetch("SELECT relname FROM pg_class WHERE relname LIKE '%20240201%'")
    assert found == []


@pytest.mark.parametrize("keeps", ["status", "hold", "fork"])
async def test_one_execution_that_stays_keeps_its_range(own: Database, keeps: str) -> None:
    make = Factory(own)
    await make.policy()
    key, other = await whole(make), await whole(make)
    if keeps == "status":
        other = await make.execution(id=uuid7(PAST))
    elif keeps == "hold":
        await make.hold(other)
    else:
        later = uuid7(PAST + timedelta(days=31))
        await make.execution(id=later, forked_from_execution_id=other, forked_from_seq=1)
    assert (await apply(own))["partitions"] != [f"{table}_20240201" for table in reversed(TREE)]
    left = {UUID(row["id"]) for row in await rows(own, "executions")}
    assert ("20240201" in await starts(own), key in left, other in left) == (True, False, True)
    noted = [UUID(row["execution_id"]) for row in await rows(own, "deleted_executions")]
    assert (key in noted, left & {*noted}, len(noted)) == (True, set(), len({*noted}))


async def test_logs_of_a_range_go_at_once(own: Database) -> None:
    make = Factory(own)
    await make.policy(keep_logs=timedelta(days=30))
    await whole(make)
    live = await make.execution()
    await make.logs(live, 2)
    receipt = await apply(own)
    assert (receipt["deleted"], receipt["partitions"]) == ({"log_entries": 3}, [])
    assert {UUID(row["execution_id"]) for row in await rows(own, "log_entries")} == {live}
    assert "20240201" in await starts(own)


async def test_a_reader_is_waited_for_no_longer_than_writers_can_wait(own: Database, own_url: str) -> None:
    make = Factory(own)
    await make.policy()
    await whole(make)
    live = await make.execution()
    reader, remover = (Database(own_url, pool_size=1) for _ in range(2))
    async with reader.maintaining() as connection:
        await connection.fetch("SELECT FROM log_entries")
        applying = asyncio.create_task(apply(remover))
        # Each of these comes to its end while the reader's lock is in the remover's way.
        for _ in range(20):
            await _append(own, live)
    receipt = await applying
    await asyncio.gather(reader.close(), remover.close())
    assert receipt["deleted"]
    assert len(await rows(own, "deleted_executions")) == 1


async def _append(database: Database, execution: UUID) -> None:
    await append_logs(database, execution, WRITE, [LogLine(20, "meanwhile", None)])
    await asyncio.sleep(0.05)


@pytest.fixture
def durable_url() -> Iterator[str]:
    """A cluster that keeps what it is told, as in earnest."""
    with tempfile.TemporaryDirectory(prefix="flowkeep-retention-") as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name) / "data", programs=PROGRAMS) as url:
            yield url


@pytest.mark.slow
async def test_a_million_log_entries_go_in_a_few_batches_while_writers_go_on(durable_url: str) -> None:
    database = Database(durable_url)
    await migrate(database)
    await cover_ahead(database)
    await cover(database, [PAST, PAST + timedelta(days=31)])
    await _fill(database, 10_000, 100)
    make = Factory(database)
    await make.policy()
    live = await make.execution()
    applying = asyncio.create_task(apply(database))
    appended = 0
    while not applying.done():
        await _append(database, live)
        appended += 1
    receipt = await applying
    await database.close()
    assert (receipt["deleted"]["log_entries"], receipt["batches"] < 20, appended > 1) == (
        1_000_000,
        True,
        True,
    )


_FILL = """
INSERT INTO executions (id, workflow_id, status, trigger_type, triggered_by, created_at, started_at,
                        completed_at, log_seq, step_seq)
SELECT overlay($1::text PLACING lpad(to_hex(n), 12, '0') FROM 25)::uuid, $2, 'COMPLETED', 'API', 'test',
       $3, $3, $3, $5::int, 3
FROM generate_series(1, $4::int) n
"""


async def _fill(database: Database, executions: int, logs: int) -> None:
    """Executions of the past with states, three steps and so many log entries each."""
    workflow = await Factory(database).workflow()
    base = str(UUID(int=uuid7_floor(PAST).int | 0x7 << 76 | 0b10 << 62))
    async with database.maintaining() as connection:
        await connection.execute(_FILL, base, workflow, PAST, executions, logs)
        await connection.execute("INSERT INTO states (execution_id) SELECT id FROM executions")
        await connection.execute(
            "INSERT INTO steps "
            "(execution_id, seq, key, attempt, name, type, status, started_at, completed_at) "
            "SELECT id, n, 'step' || n, 1, 'Step', 'task', 'COMPLETED', created_at, created_at "
            "FROM executions, generate_series(1, 3) n"
        )
        await connection.execute(
            "INSERT INTO log_entries (execution_id, seq, level, message, logged_at) "
            "SELECT id, n, 20, 'a line of the log of an execution ' || n, created_at "
            f"FROM executions, generate_series(1, {logs}) n"
        )
    async with database.reading() as connection:
        await connection.execute("ANALYZE")
