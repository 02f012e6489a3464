"""What is found for many keys comes back by key, from one statement whose plan is kept."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from db.engine import Connection, Database
from db.queries.batch import EXECUTION, fetch_many, fetch_one
from db.queries.feeds import fetch_heads
from db.state_values import fetch_values
from tests.factories import Factory

MISSING = UUID(int=7)
STEPS = "SELECT c.seq FROM steps c WHERE c.execution_id = p.execution_id ORDER BY c.seq DESC LIMIT 2"
LAST_STEP = STEPS.replace("LIMIT 2", "LIMIT 1")


@pytest_asyncio.fixture
async def keys(make: Factory) -> list[tuple[UUID]]:
    """An execution with three steps and one without any."""
    busy, idle = await make.executions(2)
    await make.steps(busy, 3)
    return [(busy,), (idle,)]


async def shown(database: Database, asked: list[tuple[UUID]]) -> list[list[int]]:
    """The seqs of the last two steps of each."""
    async with database.reading() as connection:
        found = await fetch_many(connection, EXECUTION, asked, STEPS)
    return [[row["seq"] for row in rows] for rows in found]


async def test_each_key_has_its_rows_in_the_order_of_the_select(
    database: Database, keys: list[tuple[UUID]]
) -> None:
    assert await shown(database, keys) == [[3, 2], []]


async def test_a_key_that_comes_twice_has_its_rows_twice(database: Database, keys: list[tuple[UUID]]) -> None:
    busy, idle = keys
    assert await shown(database, [busy, idle, busy]) == [[3, 2], [], [3, 2]]


async def test_a_key_of_nothing_has_no_rows(database: Database, keys: list[tuple[UUID]]) -> None:
    assert await shown(database, [(MISSING,), *keys]) == [[], [3, 2], []]


async def test_no_keys_have_no_rows(database: Database) -> None:
    assert await shown(database, []) == []


async def test_one_row_a_key(database: Database, keys: list[tuple[UUID]]) -> None:
    busy, idle = keys
    async with database.reading() as connection:
        found = await fetch_one(connection, EXECUTION, [busy, (MISSING,), idle, busy], LAST_STEP)
    assert [row and row["seq"] for row in found] == [3, None, None, 3]


async def plans(connection: Connection, select: str) -> Any:
    """How often the statement ran by a plan that was kept, and by one made anew."""
    return await connection.fetchrow(
        "SELECT generic_plans > 0 AS kept, custom_plans AS made FROM pg_prepared_statements "
        "WHERE strpos(statement, $1) > 0",
        select,
    )


@pytest.mark.parametrize("number", [1, 300])
async def test_the_plan_is_kept_however_many_keys_there_are(
    database: Database, make: Factory, number: int
) -> None:
    select = f"{STEPS} OFFSET {number}"
    some = [(execution,) for execution in await make.executions(number)]
    async with database.reading() as connection:
        for _ in range(8):
            await fetch_many(connection, EXECUTION, some, select)
        assert tuple(await plans(connection, select)) == (True, 5)


Ask = Callable[[Connection, UUID], Awaitable[object]]
OTHERS: dict[str, Ask] = {
    "WITH RECURSIVE asked": lambda connection, execution: fetch_values(connection, [(execution, 0)]),
    "SELECT id, event_seq, log_seq": lambda connection, execution: fetch_heads(connection, [execution]),
}


@pytest.mark.parametrize("statement", OTHERS)
async def test_so_are_those_of_variables_and_of_what_is_followed(
    worker_url: str, make: Factory, statement: str
) -> None:
    execution = await make.execution()
    fresh = Database(worker_url, pool_size=1)  # where nothing else has asked for that yet
    async with fresh.reading() as connection:
        for _ in range(8):
            await OTHERS[statement](connection, execution)
        found = tuple(await plans(connection, statement))
    await fresh.close()
    assert found == (True, 5)
