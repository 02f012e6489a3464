"""What the database says becomes the domain's errors; what its driver refuses of ours is a bug."""

import asyncpg
import pytest
from sqlalchemy import literal, select, text
from sqlalchemy.exc import DBAPIError

from db.engine import Database
from db.errors import FlowkeepError, Unavailable, Unwritable

MANY = 32_768


def too_many(name: str) -> str:
    """A statement with a parameter an item, where the protocol has room for no more than 32,767."""
    return f"SELECT 1 WHERE 1 IN ({', '.join(name.format(at=at) for at in range(1, MANY + 1))})"


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        (too_many("${at}::int"), range(MANY)),
        ("SELECT $1::int", [1, 2]),
        ("SELECT $1::int", []),
    ],
    ids=["too many parameters", "one more than the statement has", "one less"],
)
async def test_what_the_driver_refuses_is_a_bug(
    database: Database, statement: str, parameters: list[object]
) -> None:
    with pytest.raises(asyncpg.InterfaceError):
        async with database.reading() as connection:
            await connection.fetch(statement, *parameters)


async def test_it_is_a_bug_through_a_session_too(database: Database) -> None:
    with pytest.raises(DBAPIError, match="32767") as caught:
        async with database.writing() as session:
            await session.execute(select(literal(1)).where(literal(1).in_(range(MANY))))
    assert not isinstance(caught.value, FlowkeepError)


@pytest.mark.parametrize("statement", ["SELECT nothing", "SELEC 1", "SELECT 1 FROM nowhere"])
async def test_what_the_server_does_not_understand_is_a_bug(database: Database, statement: str) -> None:
    with pytest.raises(DBAPIError):
        async with database.writing() as session:
            await session.execute(text(statement))


async def test_after_a_bug_the_next_one_is_answered(database: Database) -> None:
    with pytest.raises(asyncpg.InterfaceError):
        async with database.reading() as connection:
            await connection.fetch("SELECT $1::int", 1, 2)
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_connection_that_is_closed_is_unavailable(database: Database) -> None:
    async def read() -> None:
        async with database.reading() as connection:
            await connection.close()
            await connection.fetch("SELECT 1")

    with pytest.raises(Unavailable, match="can't be reached"):
        await read()


async def test_a_connection_that_was_ended_is_unavailable(database: Database) -> None:
    with pytest.raises(Unavailable):
        async with database.writing() as session:
            await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    gone = Database("postgresql://nobody@127.0.0.1:1/none", pool_size=1)
    with pytest.raises(Unavailable, match=r"PostgreSQL at 127\.0\.0\.1:1 can't be reached"):
        async with gone.reading():
            pass
    await gone.close()


RAISE = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}'; END $$"


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (RAISE.format("53100"), "disk is full"),
        (RAISE.format("58030"), "disk fails"),
        ("DO $$ BEGIN SET TRANSACTION READ ONLY; CREATE TABLE kept_out (); END $$", "is read-only"),
    ],
    ids=["53100", "58030", "25006"],
)
async def test_what_keeps_writes_out_is_unwritable(database: Database, statement: str, sentence: str) -> None:
    with pytest.raises(Unwritable, match=sentence):
        async with database.writing() as session:
            await session.execute(text(statement))
