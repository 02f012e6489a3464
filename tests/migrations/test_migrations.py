"""The schema: migrations, models and the committed dump agree, and migrating is safe."""

import asyncio
import sys
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from db.engine import Database
from db.errors import NotReady
from db.migrate import current, head, lost_by, migrate, require_head
from db.models import Base
from tests.factories import Factory
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


REVISIONS = [path.name.split("_")[0] for path in sorted(COMMITTED.parent.glob("versions/0*.py"))]


@pytest.mark.parametrize("revision", REVISIONS)
async def test_every_revision_can_be_gone_to_from_both_sides(empty_database_url: str, revision: str) -> None:
    database = Database(empty_database_url)
    for there in (revision, "head", revision):
        await migrate(database, there)
        assert await current(database) == (head() if there == "head" else revision)
    await database.close()


async def test_going_back_a_step_is_no_way_round(empty_database_url: str) -> None:
    there = await migrated(empty_database_url, "0002")
    assert await migrated(empty_database_url, "head", "0001", "0002") == there


async def test_what_going_back_drops_is_known_before(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    await migrate(database)
    await Factory(database).token()
    before = dump(empty_database_url)
    assert [str(loss) for loss in await lost_by(database, "0001")] == ["tokens (1 row)"]
    assert (await lost_by(database, "0002"), await lost_by(database, "head")) == ([], [])
    assert dump(empty_database_url) == before
    await database.close()


@pytest.mark.parametrize("revision", ["0", "9999", "-1", "0001:0002", "heads", ""])
async def test_a_revision_that_there_is_none_of_is_told_with_those_that_there_are(
    empty_database_url: str, revision: str
) -> None:
    database = Database(empty_database_url)
    with pytest.raises(NotReady, match=r"There is no revision .*; there are base, 0001, 0002"):
        await migrate(database, revision)
    assert await current(database) is None
    await database.close()


@pytest.mark.slow
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
