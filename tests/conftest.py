"""One PostgreSQL cluster a run, one database a worker, one server a worker; nothing is left behind.

The process that runs pytest starts an embedded cluster and migrates a template database. Every worker
clones the template and serves it on a free port. Pools hold a single connection: whatever would wait for
a second one while it holds the first fails here.
"""

import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import asyncpg
import httpx
import pytest
import pytest_asyncio
from hypothesis import settings as hypothesis_settings
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import Pool

from db.distribution import REFERENCE
from db.embedded import EmbeddedPostgres
from db.engine import Database
from db.migrate import migrate
from db.partitions import TREE, cover_ahead
from db.topology import is_distributed
from graph.http.server import settle_heap
from tests.client import Client
from tests.clocks import DayPasses
from tests.commands import Command
from tests.factories import Factory
from tests.postgres import PROGRAMS
from tests.serving import serving, settings_of

# Until the tests are imported: what that makes stays, and collections would walk through it all the same.
gc.disable()

HERE = Path(__file__).parent
CLUSTER = "TESTS_CLUSTER"
CITUS = "TESTS_CITUS"
TEMPLATE = "flowkeep_template"
# Durability is proven where it is the subject, on clusters of their own.
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# All workers', with the writers, followers and processes that some tests have many of; a standby has as many.
SHARED = {"max_connections": "300"}
# Off by default, and ours are not to mind those of others.
PREPARED = {"max_prepared_transactions": "4"}
# A worker may have two standbys, and make one of them; what they have yet to get is kept for them.
REPLICATED = {"max_wal_senders": "40", "wal_keep_size": "1GB"}

for _profile, _examples in {"whole": 100, "quick": 10}.items():
    hypothesis_settings.register_profile(
        _profile, deadline=None, derandomize=True, database=None, max_examples=_examples
    )

# Once a connection and type, the driver asks what an array type is; once a pool it is asked whether there is
# a Citus; once a second at most, the service looks whether a token was created, and where a standby stands.
NOT_OF_REQUESTS = ("typeinfo", "set_config('jit'", "pg_dist_partition", "FROM tokens", "pg_control_system")

# Browsers, other people's clients, processes that are killed, and other servers: seconds each.
SLOW_FOLDERS = {"browser", "distributed", "examples", "node", "outages", "replica", "versions"}

# With fixtures that all tests of the folder share.
SHARING_FOLDERS = {"distributed", "races", "replica"}

EVERY_TABLE = (*reversed(TREE), *REFERENCE)

_held: list[EmbeddedPostgres] = []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow as a folder; begin with what takes long, so that nothing of it is left for the end.

    Of this, as of the rest, what waits is mixed with what works.
    """
    for item in items:
        if _folder(item) in SLOW_FOLDERS:
            item.add_marker("slow")
    slow = {_kept_together(item) for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: (*_begins(item, slow), crc32(_kept_together(item).encode())))


def _begins(item: pytest.Item, slow: set[str]) -> tuple[bool, bool]:
    return _folder(item) != "versions", _kept_together(item) not in slow


def _kept_together(item: pytest.Item) -> str:
    folder = _folder(item)
    return folder if folder in SHARING_FOLDERS else item.path.relative_to(HERE).as_posix()


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(HERE).parts[0]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Don't even import what the quick suite leaves out as a folder."""
    is_left_out = collection_path.parent == HERE and collection_path.name in SLOW_FOLDERS
    return True if is_left_out and _is_quick(config) else None


def _is_quick(config: pytest.Config) -> bool:
    return bool(config.option.markexpr == "not slow")


def pytest_configure(config: pytest.Config) -> None:
    """In the main process: start the cluster and make the template; workers inherit its folder."""
    hypothesis_settings.load_profile("quick" if _is_quick(config) else "whole")
    if "FLOWKEEP_TEST_CITUS_URL" in os.environ:
        os.environ[CITUS] = os.environ["FLOWKEEP_TEST_CITUS_URL"]
    for name in [name for name in os.environ if name.startswith("FLOWKEEP_")]:
        del os.environ[name]
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    folder = Path(tempfile.mkdtemp(prefix="flowkeep-tests-"))
    folder.chmod(0o755)
    os.environ[CLUSTER] = str(folder)
    cluster = EmbeddedPostgres(folder, settings=QUICK | SHARED | PREPARED | REPLICATED, programs=PROGRAMS)
    url = cluster.start()
    _held.append(cluster)
    asyncio.run(_make_template(url))


def pytest_collection_finish() -> None:
    """Have collections look at what tests make, as the service does: not at all that was imported."""
    gc.enable()
    settle_heap()


def pytest_xdist_auto_num_workers() -> int:
    """A test waits as long as it works: for timers, silence, the database, processes that start."""
    return 2 * (os.cpu_count() or 1)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the cluster and remove its folder."""
    for cluster in _held:
        cluster.stop()
        shutil.rmtree(os.environ.pop(CLUSTER), ignore_errors=True)
    _held.clear()


def at(url: str, name: str) -> str:
    """The URL of another database of the same cluster."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


async def create_database(url: str, name: str, template: str = "template0") -> str:
    """Create a database in the cluster of `url`; returns its URL."""
    connection = await asyncpg.connect(at(url, "postgres").replace("+asyncpg", ""))
    try:
        # Faster than by WAL, where nothing waits for the disk.
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    finally:
        await connection.close()
    return at(url, name)


async def drop_database(url: str) -> None:
    """Drop the database of `url`, whoever is connected to it."""
    connection = await asyncpg.connect(at(url, "postgres").replace("+asyncpg", ""))
    try:
        await connection.execute(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')
    finally:
        await connection.close()


async def _make_template(url: str) -> None:
    database = Database(await create_database(url, TEMPLATE))
    await migrate(database)
    # Not as far ahead as the service does: each partition costs each connection its share of time.
    await cover_ahead(database, ahead=1)
    await database.close()


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    """The URL of the run's cluster, which this worker joins."""
    with EmbeddedPostgres(Path(os.environ[CLUSTER]), settings=QUICK, programs=PROGRAMS) as url:
        yield url


@pytest.fixture(scope="session", autouse=True)
def _no_maintenance() -> Iterator[None]:
    """Servers that live through many tests ask nothing of the database in the middle of one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graph.app._FIRST_LOG_INDEX_SECONDS", 86_400.0)
        yield


@pytest.fixture
def day_passes(monkeypatch: pytest.MonkeyPatch) -> DayPasses:
    """Lets the time of tokens end."""
    return DayPasses(monkeypatch)


@pytest_asyncio.fixture
async def empty_database_url(cluster_url: str) -> AsyncIterator[str]:
    """A database without a schema, for one test."""
    url = await create_database(cluster_url, f"empty_{os.getpid()}")
    yield url
    await drop_database(url)


@pytest_asyncio.fixture(scope="session")
async def worker_url(cluster_url: str) -> AsyncIterator[str]:
    """The URL of this worker's database."""
    url = await create_database(cluster_url, f"worker_{os.getpid()}", TEMPLATE)
    yield url
    await drop_database(url)


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
    await empty(worker_database)


async def empty(database: Database) -> None:
    """Delete every row."""
    async with database.maintaining() as connection:
        await connection.execute(";".join(f"DELETE FROM {table}" for table in EVERY_TABLE))


@pytest.fixture
def command(worker_url: str, database: Database) -> Command:
    """`flowkeep` on this worker's database."""
    return Command(worker_url)


@pytest.fixture
def make(database: Database) -> Factory:
    """Makes rows that keep the invariants."""
    return Factory(database)


class Statements:
    """The statements that reached PostgreSQL since the last `clear`.

    `of_nodes` are all those by connections that take executions to be on many nodes.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.of_nodes: set[str] = set()

    def __len__(self) -> int:
        return len(self.seen)

    async def clear(self) -> None:
        """Forget what was seen; the driver tells of a statement in the loop's next turn."""
        await asyncio.sleep(0)
        self.seen.clear()


@pytest.fixture(scope="session")
def all_statements() -> Iterator[Statements]:
    """Listens to every connection that any pool of this process opens."""
    statements = Statements()

    def listen(connection: Any, record: Any) -> None:
        driver = connection.driver_connection

        def note(logged: Any) -> None:
            if not any(words in logged.query for words in NOT_OF_REQUESTS):
                statements.seen.append(logged.query)
                if is_distributed(driver):
                    statements.of_nodes.add(logged.query)

        driver.add_query_logger(note)

    event.listen(Pool, "connect", listen)
    yield statements
    event.remove(Pool, "connect", listen)


@pytest.fixture
def statements(all_statements: Statements, client: Client) -> Statements:
    """The statements of this test's requests."""
    all_statements.seen.clear()
    return all_statements


@pytest_asyncio.fixture(scope="session")
async def server_url(worker_url: str, all_statements: Statements) -> AsyncIterator[str]:
    """A real server on a free port, on this worker's database, with a pool of one connection."""
    async with serving(settings_of(worker_url, dashboard=True)) as url:
        yield url


@pytest_asyncio.fixture(scope="session")
async def worker_http() -> AsyncIterator[httpx.AsyncClient]:
    """Keeps this worker's connections from test to test."""
    # No TLS here, whose certificates would have to be loaded.
    async with httpx.AsyncClient(timeout=60, verify=False) as http:
        yield http


@pytest.fixture
def client(server_url: str, worker_http: httpx.AsyncClient, database: Database) -> Client:
    """Talks GraphQL to the server over its socket; what is written is gone after the test."""
    return Client(server_url, worker_http)
