"""An episode of refused writes ends also where the trial that would end it can't be made."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.engine import make_url

from db.engine import Database
from db.errors import Unavailable, Unwritable
from db.writes.trial import try_to_write

READ_ONLY = "DO $$ BEGIN SET TRANSACTION READ ONLY; CREATE TABLE kept_out (); END $$"


@pytest_asyncio.fixture
async def without_temporary_tables(empty_database_url: str) -> AsyncIterator[Database]:
    """A database as one sees it who may make no temporary tables in it."""
    role, url = f"plain_{os.getpid()}", make_url(empty_database_url)
    owner = Database(empty_database_url, pool_size=1)
    async with owner.writing() as session:
        await session.execute(text(f'REVOKE TEMPORARY ON DATABASE "{url.database}" FROM PUBLIC'))
        await session.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'plain'"))
    plain = url.set(username=role, password="plain")
    database = Database(plain.render_as_string(hide_password=False), pool_size=1)
    yield database
    await database.close()
    async with owner.writing() as session:
        await session.execute(text(f"DROP ROLE {role}"))
    await owner.close()


async def refuse(database: Database) -> None:
    with pytest.raises(Unwritable):
        async with database.writing() as session:
            await session.execute(text(READ_ONLY))


async def write(database: Database) -> None:
    async with database.writing() as session:
        await session.execute(text("SELECT pg_current_xact_id()"))


async def test_a_write_that_passes_does_not_end_it_while_the_trial_can(database: Database) -> None:
    await refuse(database)
    await write(database)
    assert database.writability.refusal is not None
    await try_to_write(database)
    assert database.writability.refusal is None


async def test_it_does_where_there_can_be_no_trial(without_temporary_tables: Database) -> None:
    await refuse(without_temporary_tables)
    with pytest.raises(Unavailable, match="permission denied to create temporary tables"):
        await try_to_write(without_temporary_tables)
    assert without_temporary_tables.writability.refusal is not None
    await write(without_temporary_tables)
    assert without_temporary_tables.writability.refusal is None
