"""`flowkeep check`: rows, links, constraints, indexes and tables, with amcheck and without."""

from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio

from db.engine import Database
from db.errors import AlreadyExists
from db.extensions import Extension
from db.ids import uuid7
from tests.commands import Command
from tests.extensions import with_extension
from tests.factories import Factory

TABLES_AND_INDEXES = """
SELECT count(*) FROM pg_class c JOIN pg_am am ON am.oid = c.relam
WHERE c.relnamespace = 'public'::regnamespace AND (c.relkind, am.amname) IN (('r', 'heap'), ('i', 'btree'))
"""


@pytest_asyncio.fixture
async def amcheck(database: Database) -> AsyncIterator[None]:
    """amcheck in the worker's database."""
    async with with_extension(database, Extension.CHECKS):
        yield


@pytest_asyncio.fixture
async def odd_index(database: Database, make: Factory) -> AsyncIterator[None]:
    """An index whose function changed after it was made, as a collation may with the system's libraries."""
    await make.workflow()
    function = "CREATE OR REPLACE FUNCTION odd(text) RETURNS text IMMUTABLE LANGUAGE sql AS "
    async with database.reading() as connection:
        await connection.execute(function + "'SELECT upper($1)'")
        await connection.execute("CREATE INDEX odd_index ON workflows (odd(name))")
        await connection.execute(function + "'SELECT reverse($1)'")
    yield
    async with database.reading() as connection:
        await connection.execute("DROP FUNCTION odd(text) CASCADE")


@pytest_asyncio.fixture
async def invalid_index(database: Database, make: Factory) -> AsyncIterator[None]:
    """What CREATE INDEX CONCURRENTLY leaves behind when it fails."""
    await make.executions(2)
    async with database.reading() as connection:
        [table] = await connection.fetchrow("SELECT tableoid::regclass::text FROM executions LIMIT 1")
    with pytest.raises(AlreadyExists):
        async with database.reading() as connection:
            await connection.execute(f"CREATE UNIQUE INDEX CONCURRENTLY half_made ON {table} (status)")
    yield
    async with database.reading() as connection:
        await connection.execute("DROP INDEX half_made")


@pytest_asyncio.fixture
async def loose_constraint(database: Database) -> AsyncIterator[None]:
    """A constraint that rows which were there before need not hold to."""
    async with database.reading() as connection:
        await connection.execute("ALTER TABLE workflows ADD CONSTRAINT loose CHECK (true) NOT VALID")
    yield
    async with database.reading() as connection:
        await connection.execute("ALTER TABLE workflows DROP CONSTRAINT loose")


async def test_every_table_and_index_is_looked_through(
    command: Command, database: Database, amcheck: None
) -> None:
    async with database.reading() as connection:
        count = await connection.fetchval(TABLES_AND_INDEXES)
    assert command.done("check").splitlines()[-2:] == [
        f"{count} tables and indexes were looked through.",
        "All is well.",
    ]


def test_without_amcheck_the_rest_is_checked(command: Command) -> None:
    said = command.done("check").splitlines()[-2:]
    assert said[0].startswith("Tables and indexes were not looked through. ")
    assert said[1] == "All is well."


async def test_an_index_that_lacks_a_row_is_found(command: Command, odd_index: None, amcheck: None) -> None:
    run = command.run("check", "--json")
    [damage] = orjson.loads(run.stdout)["damages"]
    assert (run.returncode, damage["relation"]) == (1, "odd_index")
    assert "lacks matching index tuple" in damage["wrong"]


async def test_an_index_that_is_not_valid_is_found(command: Command, invalid_index: None) -> None:
    run = command.run("check")
    assert (run.returncode, "half_made: is not valid" in run.stdout) == (1, True)


async def test_a_constraint_that_is_not_valid_is_found(command: Command, loose_constraint: None) -> None:
    run = command.run("check")
    assert (run.returncode, "workflows: has the constraint loose, which" in run.stdout) == (1, True)


async def test_who_may_not_call_amcheck_is_told_what_to_grant(
    command: Command, database: Database, amcheck: None
) -> None:
    async with database.reading() as connection:
        await connection.execute(
            "CREATE ROLE plain LOGIN PASSWORD 'plain'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain"
        )
    plain = command.url.replace(command.url.split("//")[1].split("@")[0], "plain:plain")
    run = command.run("check", FLOWKEEP_DATABASE_URL=plain)
    async with database.reading() as connection:
        await connection.execute("DROP OWNED BY plain; DROP ROLE plain")
    assert (run.returncode, "GRANT EXECUTE ON FUNCTION public.verify_heapam" in run.stdout) == (0, True)


async def test_links_that_lead_nowhere_are_found(command: Command, make: Factory) -> None:
    workflow = await make.workflow()
    base, parent = await make.executions(2, workflow)
    await make.checkpoints(base, 0)
    await make.execution(workflow, parent_id=parent, forked_from_execution_id=base, forked_from_seq=1)
    gone = uuid7()
    await make.execution(workflow, parent_id=gone, forked_from_execution_id=gone, forked_from_seq=1)
    await make.execution(workflow, forked_from_execution_id=base, forked_from_seq=2)
    await make.checkpoints(parent, 0, parent_seq=-1)
    run = command.run("check", "--json")
    rows = orjson.loads(run.stdout)["rows"]
    found = {finding["table"]: finding["rows"] for finding in rows if finding["rows"]}
    assert (run.returncode, found) == (
        1,
        {"executions.parent_id": 1, "executions.forked_from_execution_id": 2, "checkpoints.parent_seq": 1},
    )
