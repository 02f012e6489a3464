"""The standby dies, hangs, is promoted, or stops queries to go on: whoever asks is answered all the same."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from db.engine import Database
from db.enums import ReplicaState
from db.replica import Replica, ReplicaStatus, replica
from tests.client import Client
from tests.factories import Factory
from tests.patience import PATIENCE, settled, until
from tests.replica.conftest import Sources, answered, replicating, until_told
from tests.replica.standby import Standby, made
from tests.replica.test_positions import written
from tests.replica.test_reads import COUNT, count

READERS = 8
STEPS = "{ executions { nodes { steps { totalCount } } } }"
HOLDS = "{ holds { totalCount } }"
SLOW = "{ workflows { totalCount } }"
# On the standby its queries look at a table until replay finds them in its way.
SLOWED = f"""ALTER TABLE workflows RENAME TO workflows_seen;
    CREATE VIEW workflows AS SELECT seen.* FROM workflows_seen AS seen,
        pg_sleep(CASE WHEN pg_is_in_recovery() THEN {PATIENCE} ELSE 0 END)"""
RESTORED = "DROP VIEW workflows; ALTER TABLE workflows_seen RENAME TO workflows"
LOCK = "LOCK TABLE workflows_seen IN ACCESS EXCLUSIVE MODE"
CUT = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE query LIKE '%FROM executions%' AND pid <> pg_backend_pid()"""
READS = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%FROM workflows c%'"


async def change(database: Database, sql: str) -> None:
    """Change the schema of the primary."""
    async with database.maintaining() as connection:
        await connection.execute(sql)


@asynccontextmanager
async def load(client: Client) -> AsyncIterator[list[int]]:
    """Readers who go on as long as the block, and must be answered every time; what they found."""
    found: list[int] = []
    stopped = asyncio.Event()

    async def read() -> None:
        while not stopped.is_set():
            found.append(await count(client))

    async with asyncio.TaskGroup() as group:
        for _ in range(READERS):
            group.create_task(read())
        try:
            yield found
        finally:
            stopped.set()


async def until_more(found: list[int], number: int = 100) -> None:
    """Wait until there are so many answers more."""
    wanted = len(found) + number
    assert await settled(lambda: len(found) >= wanted)


@pytest.fixture
def spare(worker_url: str, database: Database) -> Iterator[Standby]:
    """A standby that the test may spoil."""
    with made(worker_url) as standby:
        yield standby


async def test_a_standby_that_is_killed_is_not_missed(
    worker_url: str, standby: Standby, make: Factory, database: Database, sources: Sources
) -> None:
    await make.executions(3)
    await standby.catch_up(database)
    async with replicating(worker_url, standby) as client:
        try:
            async with load(client) as found:
                await until_more(found)
                standby.kill()
                await until_more(found)
        finally:
            await asyncio.to_thread(standby.start)
        await until_told(client, lambda found: found["state"] == "IN_USE")
        await count(client)
    assert set(found) == {3}
    assert {"replica", "unreachable"} <= set(sources()) <= {"replica", "unreachable", "lost", None}
    assert sources()[-1] == "replica"


async def test_nobody_waits_for_a_standby_that_dies(
    worker_url: str, spare: Standby, sources: Sources
) -> None:
    async with replicating(worker_url, spare) as client:
        await spare.pause()
        position = await written(client, "w")
        waiting = asyncio.create_task(answered(client, SLOW, position))
        await count(client)
        spare.kill()
        assert await waiting == {"data": {"workflows": {"totalCount": 1}}}
    assert sources()[-1] == "position"


async def test_a_standby_that_hangs_is_left(
    worker_url: str,
    standby: Standby,
    make: Factory,
    database: Database,
    sources: Sources,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replica, "LOOK_SECONDS", 2.0)
    await make.executions(3)
    await standby.catch_up(database)
    async with replicating(worker_url, standby) as client:
        try:
            async with load(client) as found:
                await until_more(found)
                standby.signal(signal.SIGSTOP)
                await until_more(found)
        finally:
            standby.signal(signal.SIGCONT)
            monkeypatch.undo()
        back = await until_told(client, lambda found: found["state"] == "IN_USE")
    assert (set(found), back["state"]) == ({3}, "IN_USE")
    assert {"unreachable", "lost"} & set(sources())


async def test_a_standby_that_is_promoted_is_not_read_from(
    worker_url: str, spare: Standby, make: Factory, sources: Sources
) -> None:
    async with replicating(worker_url, spare) as client:
        await spare.ask("SELECT pg_promote()")
        refused = await until_told(client, lambda found: found["state"] == "REFUSED")
        await make.executions(3)
        assert await count(client) == 3
    assert refused["reason"] == "The replica is no standby: it was promoted, or never was one."
    assert sources()[-1] == "refused"


async def test_a_standby_of_another_history_is_not_read_from(spare: Standby, standby: Standby) -> None:
    await spare.ask("SELECT pg_promote()")
    promoted = Database(spare.url, pool_size=1)
    other = Replica(standby.url, promoted, max_lag=1, patience=1, pool_size=1)
    try:
        await other.look()
        assert other.status == ReplicaStatus(
            ReplicaState.REFUSED, "The replica is on timeline 1, the primary on 2."
        )
        # It may follow in a moment: that is no reason not to start.
        assert await other.require_standby() is None
    finally:
        await other.close()
        await promoted.close()


async def test_a_query_in_the_way_of_replay_is_answered_by_the_primary(
    replicated: Client, standby: Standby, make: Factory, database: Database, sources: Sources
) -> None:
    await make.workflow()
    await change(database, SLOWED)
    try:
        await standby.catch_up(database)
        reading = asyncio.create_task(answered(replicated, SLOW))
        assert await until(lambda: standby.ask(READS), bool)
        await change(database, LOCK)
        answer = await reading
    finally:
        await change(database, RESTORED)
    assert (answer, sources()) == ({"data": {"workflows": {"totalCount": 1}}}, ["conflict"])


async def test_what_a_migration_has_just_made_is_read_from_the_primary(
    replicated: Client, standby: Standby, make: Factory, database: Database, sources: Sources
) -> None:
    await change(database, "ALTER TABLE holds RENAME TO holds_to_come")
    try:
        await standby.catch_up(database)
        await standby.pause()
    finally:
        await change(database, "ALTER TABLE holds_to_come RENAME TO holds")
    answer = await answered(replicated, HOLDS)
    assert (answer, sources()) == ({"data": {"holds": {"totalCount": 0}}}, ["schema"])


async def test_an_operation_goes_on_at_the_primary(
    replicated: Client, standby: Standby, make: Factory, database: Database, sources: Sources
) -> None:
    execution = await make.execution()
    await make.steps(execution, 2)
    await change(database, "ALTER TABLE steps RENAME TO steps_to_come")
    try:
        await standby.catch_up(database)
        await standby.pause()
    finally:
        await change(database, "ALTER TABLE steps_to_come RENAME TO steps")
    await make.executions(3)
    answer = await answered(replicated, STEPS)
    assert answer == {"data": {"executions": {"nodes": [{"steps": {"totalCount": 2}}]}}}
    assert sources() == ["schema"]


async def test_connections_that_are_cut_off_are_not_missed(
    replicated: Client, standby: Standby, sources: Sources
) -> None:
    await count(replicated)
    assert await standby.ask(CUT) > 0
    assert "errors" not in await answered(replicated, COUNT)
