"""Checkpoints and appends cost what they bring, and every version reads back exactly."""

import asyncio
import random
from collections.abc import AsyncIterator
from string import ascii_letters
from uuid import UUID

import orjson
import pytest
import pytest_asyncio

from db.engine import Database
from db.migrate import migrate
from db.partitions import TREE, cover_ahead
from db.state_values import fetch_values
from db.writes.checkpoints import create_checkpoint
from db.writes.states import StateChange, save_state
from db.writes.write import Write
from tests.factories import Factory

pytestmark = pytest.mark.slow

MIB = 2**20
PAGE = 20
WRITE = Write("test", b"")
_random = random.Random(7)


def text() -> str:
    """1 KB that does not compress to nothing."""
    return "".join(_random.choices(ascii_letters, k=1000))


@pytest_asyncio.fixture
async def own(empty_database_url: str) -> AsyncIterator[Database]:
    """A database of its own, so that nothing else takes space in it."""
    database = Database(empty_database_url, pool_size=1)
    await migrate(database)
    await cover_ahead(database)
    yield database
    await database.close()


async def space(database: Database) -> int:
    """The bytes of all partitions of all tables, with their indexes."""
    async with database.reading() as connection:
        sizes = [
            await connection.fetchval(
                "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits "
                "WHERE inhparent = $1::text::regclass",
                table,
            )
            for table in TREE
        ]
    return sum(sizes)


async def states(
    database: Database, execution: UUID, versions: range
) -> AsyncIterator[tuple[int, dict[str, object]]]:
    """Each version with its state, read a page at a time: all of them may be 2 GB."""
    for start in range(0, len(versions), PAGE):
        page = versions[start : start + PAGE]
        async with database.reading() as connection:
            found = await fetch_values(connection, [(execution, version) for version in page])
        for version, values in zip(page, found, strict=True):
            yield version, {key: orjson.loads(value) for key, value in values.items()}


async def test_a_thousand_checkpoints_cost_what_changed(own: Database) -> None:
    execution, empty = await Factory(own).execution(), await space(own)
    state: dict[str, object] = {f"key{number:03}": text() for number in range(1000)}
    changes = [{f"key{number:03}": text()} for number in range(1000)]
    await save_state(own, execution, WRITE, StateChange(variables=state))
    for changed in changes:
        await save_state(own, execution, WRITE, StateChange(patch=changed))
        await create_checkpoint(own, execution, WRITE, None, None, None)
    assert await space(own) - empty < 4 * MIB
    async for version, found in states(own, execution, range(2, 1002)):
        state |= changes[version - 2]
        assert found == state


async def test_two_thousand_appends_cost_what_is_appended(own: Database) -> None:
    execution, empty = await Factory(own).execution(), await space(own)
    items = [text() for _ in range(2000)]
    for item in items:
        await save_state(own, execution, WRITE, StateChange(appends={"list": [item]}))
    assert await space(own) - empty < 5 * MIB
    async for version, found in states(own, execution, range(1, 2001)):
        assert found == {"list": items[:version]}


async def test_saves_update_their_rows_in_place(own: Database) -> None:
    executions = await Factory(own).executions(20)
    hot, updated, share = 0, 0, 0.0
    # Again where autovacuum looked at the tables meanwhile: the room of old versions can't be used then.
    for run in range(3):
        for number in range(100):
            for execution in executions:
                await save_state(own, execution, WRITE, StateChange(patch={"n": [run, number]}))
        before = hot, updated
        hot, updated = await updates(own, updated + 3000)
        share = (hot - before[0]) / (updated - before[1])
        if share >= 0.95:
            break
    assert share >= 0.95


async def updates(database: Database, least: int) -> tuple[int, int]:
    """How many rows were updated in place, and how many at all, once it is `least`."""
    async with asyncio.timeout(60):
        while True:  # a connection tells of what it did once a second
            await asyncio.sleep(0.5)
            async with database.reading() as connection:
                hot, updated = await connection.fetchrow(
                    "SELECT sum(n_tup_hot_upd)::bigint, sum(n_tup_upd)::bigint FROM pg_stat_user_tables "
                    "WHERE relname LIKE 'executions_2%' OR relname LIKE 'states_2%'"
                )
            if updated >= least:
                return hot, updated
