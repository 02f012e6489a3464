"""The suite's core once more, with the statements that a Citus takes.

Where FLOWKEEP_TEST_CITUS_URL names a database of a cluster's coordinator, all of it runs on that cluster:
each process of the run makes a distributed database of its own there. Elsewhere the essential part of it runs
on one PostgreSQL, which takes these statements as well, and the rest is skipped. What was sent is then looked
through for what no Citus takes.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio

from db import topology
from db.distribution import distribute
from db.engine import Database
from db.migrate import migrate
from db.partitions import cover_ahead
from tests.conftest import CITUS, TEMPLATE, Statements, create_database, drop_database
from tests.distributed.cluster import create_cluster_database, drop_cluster_database
from tests.distributed.rules import breaches
from tests.live.conftest import Live, execution, execution_id, live, open_, serve, served, write
from tests.races.conftest import writers
from tests.serving import serving, settings_of

__all__ = ["execution", "execution_id", "live", "open_", "serve", "write", "writers"]

SHARDS = 8
ESSENTIAL = {
    *("test_nested", "test_states", "test_lease_writes", "test_cascade", "test_checkpoint_writes"),
    *("test_recovery", "test_why_stuck", "test_retention", "test_live_changes", "test_rules"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to a Citus what is not essential: elsewhere a test of each such file is skipped for all of it."""
    if CITUS in os.environ:
        return
    skipped = pytest.mark.skip(reason="FLOWKEEP_TEST_CITUS_URL names no Citus")
    seen: set[Path] = set()
    for item in [*items]:
        if item.path.parent != Path(__file__).parent or item.path.stem in ESSENTIAL:
            continue
        if item.path in seen:
            items.remove(item)
        seen.add(item.path)
        item.add_marker(skipped)


async def _yes(connection: asyncpg.Connection) -> bool:
    return True


@pytest.fixture(scope="package")
def as_on_nodes(all_statements: Statements) -> Iterator[None]:
    """Connections take executions to be on many nodes, whether they are or not."""
    with pytest.MonkeyPatch.context() as patch:
        if CITUS not in os.environ:
            patch.setattr(topology, "_ask", _yes)
        yield
    assert all_statements.of_nodes
    assert list(breaches(all_statements.of_nodes)) == []


@pytest_asyncio.fixture(scope="package")
async def worker_url(cluster_url: str, as_on_nodes: None) -> AsyncIterator[str]:
    """The URL of this worker's database, distributed where there is a Citus."""
    name = f"flowkeep_tests_{os.getpid()}"
    if CITUS not in os.environ:
        url = await create_database(cluster_url, name, TEMPLATE)
        yield url
        await drop_database(url)
        return
    url = await create_cluster_database(os.environ[CITUS], name)
    database = Database(url)
    await migrate(database)
    await cover_ahead(database)
    await distribute(database, SHARDS)
    await database.close()
    yield url
    await drop_cluster_database(os.environ[CITUS], name)


@pytest_asyncio.fixture(scope="package")
async def worker_database(worker_url: str) -> AsyncIterator[Database]:
    """This worker's database through a pool of one connection."""
    database = Database(worker_url, pool_size=1)
    yield database
    await database.close()


@pytest_asyncio.fixture(scope="package")
async def server_url(worker_url: str) -> AsyncIterator[str]:
    """A real server on a free port, on this worker's database, with a pool of one connection."""
    async with serving(settings_of(worker_url, dashboard=True)) as url:
        yield url


@pytest_asyncio.fixture(scope="package")
async def live_app(worker_url: str) -> AsyncIterator[Live]:
    """An application on this worker's database."""
    async with httpx.AsyncClient(timeout=60, verify=False) as http, served(worker_url, http) as found:
        yield found
