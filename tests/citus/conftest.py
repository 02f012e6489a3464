"""The suite's core once more, on a distributed database of a Citus cluster.

FLOWKEEP_TEST_CITUS_URL names a database of its coordinator, which has the workers as nodes; each process of
the run makes a database of its own there. Without it these tests are skipped.
"""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from db.distribution import distribute
from db.engine import Database
from db.migrate import migrate
from db.partitions import cover_ahead
from tests.citus.cluster import create_cluster_database, drop_cluster_database
from tests.conftest import CITUS, EVERY_TABLE, Statements
from tests.live.conftest import execution, execution_id, live, live_app, open_, serve, write
from tests.serving import serving, settings_of

__all__ = ["execution", "execution_id", "live", "live_app", "open_", "serve", "write"]

SHARDS = 8


@pytest_asyncio.fixture(scope="session")
async def worker_url() -> AsyncIterator[str]:
    """The URL of this worker's database, which is distributed."""
    if CITUS not in os.environ:
        pytest.skip("FLOWKEEP_TEST_CITUS_URL names no Citus")
    given, name = os.environ[CITUS], f"flowkeep_tests_{os.getpid()}"
    url = await create_cluster_database(given, name)
    database = Database(url)
    await migrate(database)
    await cover_ahead(database)
    await distribute(database, SHARDS)
    await database.close()
    yield url
    await drop_cluster_database(given, name)


@pytest_asyncio.fixture(scope="session")
async def worker_database(worker_url: str) -> AsyncIterator[Database]:
    """This worker's database through a pool of one connection."""
    database = Database(worker_url, pool_size=1)
    yield database
    await database.close()


@pytest_asyncio.fixture
async def database(worker_database: Database) -> AsyncIterator[Database]:
    """This worker's database, emptied after the test."""
    yield worker_database
    for table in EVERY_TABLE:
        async with worker_database.maintaining() as connection:
            await connection.execute(f"DELETE FROM {table}")


@pytest_asyncio.fixture(scope="session")
async def server_url(worker_url: str, all_statements: Statements) -> AsyncIterator[str]:
    """A real server on a free port, on this worker's database, with a pool of one connection."""
    async with serving(settings_of(worker_url, retention_interval=0)) as url:
        yield url
