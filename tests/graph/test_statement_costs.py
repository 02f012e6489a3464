"""What statements cost the database, by pg_stat_statements."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from db.engine import Database
from db.extensions import Extension
from tests.client import Client
from tests.conftest import at
from tests.extensions import with_extension

COSTS = "query ($first: Int!) { health { statements(first: $first) { missing since costliest { %s } } } }"
# Other workers' databases are left alone.
RESET = "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = current_database()"
SLEPT = "SELECT pg_sleep($1)"


async def costs(client: Client, first: int = 10, fields: str = "text calls total mean rows share") -> Any:
    data = await client.ask(COSTS % fields, first=first)
    return data["health"]["statements"]


@pytest_asyncio.fixture
async def counted(database: Database, worker_url: str) -> AsyncIterator[None]:
    """Statements are counted from here on; three slow ones came, and one in another database."""
    async with with_extension(database, Extension.STATEMENTS):
        async with database.reading() as connection:
            await connection.execute(RESET)
            for _ in range(3):
                await connection.execute("SELECT pg_sleep(0.1)")
        elsewhere = await asyncpg.connect(at(worker_url, "postgres").replace("+asyncpg", ""))
        await elsewhere.execute("SELECT pg_sleep(0.1), 'elsewhere'")
        await elsewhere.close()
        yield


async def test_the_costliest_come_first_without_their_constants(client: Client, counted: None) -> None:
    found = await costs(client)
    [first, *others] = found["costliest"]
    assert (found["missing"], first["text"], first["calls"], first["rows"]) == (None, SLEPT, 3, 3)
    assert [cost["total"] for cost in others] == sorted((cost["total"] for cost in others), reverse=True)


async def test_shares_are_of_this_database_alone(client: Client, counted: None) -> None:
    found = (await costs(client, 100))["costliest"]
    assert sum(cost["share"] for cost in found) == pytest.approx(1)
    assert not any("pg_sleep($1), $2" in cost["text"] for cost in found)


async def test_as_many_come_as_were_asked_for(client: Client, counted: None) -> None:
    assert [len((await costs(client, first, "text"))["costliest"]) for first in (0, 1, 2)] == [0, 1, 2]


async def test_more_than_a_hundred_are_refused(client: Client) -> None:
    code, message = await client.refused(COSTS % "text", first=101)
    assert (code, "`first` can be 0 to 100" in message) == ("BAD_USER_INPUT", True)


async def test_without_the_extension_it_is_said_who_mends_that(client: Client) -> None:
    found = await costs(client)
    assert (found["costliest"], Extension.STATEMENTS in found["missing"]) == ([], True)
