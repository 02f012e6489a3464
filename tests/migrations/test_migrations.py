"""The schema: migrations, models and the committed dump agree, and migrating is safe."""

import asyncio
import sys
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from db.engine import Database
from db.errors import NotReady
from db.migrate import current, head, migrate, require_head
from db.models import Base
from tests.schema_dump import dump

COMMITTED = Path(__file__).parents[2] / "migrations" / "schema.sql"
# Forks, for what a process imports takes ten times as long as what it does.
MIGRATORS = """
import asyncio, os, sys
from db.engine import Database
from db.migrate import migrate
children = []
for _ in range(20):
    child = os.fork()
    if child == 0:
        asyncio.run(migrate(Database(sys.argv[1])))
        os._exit(0)
    children.append(child)
print(*(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


async def migrated(url: str, *revisions: str) -> str:
    """The schema after going through `revisions` in turn."""
    database = Database(url)
    for revision in revisions:
        await migrate(database, revision)
    await database.close()
    return dump(url)


async def test_the_committed_dump_is_what_the_migrations_make(empty_database_url: str) -> None:
    assert await migrated(empty_database_url, "head") == COMMITTED.read_text()


async def test_models_and_migrations_agree(empty_database_url: str) -> None:
    engine = create_async_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()
    assert dump(empty_database_url) == COMMITTED.read_text()


async def test_down_takes_everything_away(empty_database_url: str) -> None:
    assert "CREATE TABLE" not in await migrated(empty_database_url, "head", "base")


async def test_up_down_up_is_up(empty_database_url: str) -> None:
    assert await migrated(empty_database_url, "head", "base", "head") == COMMITTED.read_text()


async def test_twenty_migrators_at_once_leave_one_schema(empty_database_url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MIGRATORS, empty_database_url, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert printed.split() == [b"0"] * 20
    assert dump(empty_database_url) == COMMITTED.read_text()


async def test_a_database_without_a_schema_is_refused(empty_database_url: str) -> None:
    with pytest.raises(NotReady, match=r"no schema yet.*run `flowkeep migrate`"):
        await require_head(Database(empty_database_url))


async def test_a_database_of_a_newer_release_is_refused(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    await migrate(database)
    async with database.maintaining() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NotReady, match=r"9999.*newer Flowkeep"):
        await require_head(database)
    await database.close()


async def test_a_migrated_database_is_at_the_head(database: Database) -> None:
    assert await current(database) == head()
