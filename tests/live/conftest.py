"""Applications whose tailer the tests can look at."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
import pytest_asyncio

from db.engine import Database
from graph import app
from graph.background import Background
from graph.ids import Kind, encode
from graph.live.tailer import Tailer
from tests.client import Client
from tests.factories import Factory
from tests.live.documents import Feed
from tests.live.follower import Follower, connected
from tests.patience import settled
from tests.serving import serving, settings_of


class Live:
    """An application, its tailer, and followers of it."""

    def __init__(self, client: Client, tailer: Tailer, background: Background) -> None:
        self.client = client
        self.tailer = tailer
        self.background = background
        self.url = client.url

    @asynccontextmanager
    async def follow(
        self, document: str, token: str | None = None, **variables: Any
    ) -> AsyncIterator[Follower]:
        """A follower that has started."""
        before = self.tailer.followers
        async with connected(self.url, token) as follower:
            await follower.subscribe(document, **variables)
            assert await settled(lambda: self.tailer.followers > before)
            yield follower

    async def refused(self, document: str, **variables: Any) -> str:
        """The code by which a subscription can't start."""
        async with connected(self.url) as follower:
            await follower.subscribe(document, **variables)
            return await follower.ended()

    async def forgotten(self) -> bool:
        """Whether nobody follows anything any more."""
        return await settled(lambda: self.tailer.followers == 0)


Serve = Callable[..., Awaitable[Live]]


@asynccontextmanager
async def served(database_url: str, http: httpx.AsyncClient, **given: Any) -> AsyncIterator[Live]:
    """An application with these settings, and a pool of one connection unless told."""
    tailers: list[Tailer] = []
    backgrounds: list[Background] = []

    def make(*arguments: Any) -> Tailer:
        tailers.append(Tailer(*arguments))
        return tailers[-1]

    def make_background(*arguments: Any) -> Background:
        backgrounds.append(Background(*arguments))
        return backgrounds[-1]

    settings = settings_of(database_url, **given)
    async with AsyncExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app, "Tailer", make)
            patch.setattr(app, "Background", make_background)
            url = await stack.enter_async_context(serving(settings))
        yield Live(Client(url, http), tailers[0], backgrounds[0])


@pytest_asyncio.fixture(scope="session")
async def live_app(worker_url: str, all_statements: object) -> AsyncIterator[Live]:
    """An application on this worker's database."""
    async with httpx.AsyncClient(timeout=60, verify=False) as http, served(worker_url, http) as live:
        yield live


@pytest_asyncio.fixture
async def live(live_app: Live, client: Client) -> AsyncIterator[Live]:
    """The application, which nobody follows before and after."""
    yield live_app
    assert await live_app.forgotten()


@pytest_asyncio.fixture
async def serve(worker_url: str, client: Client) -> AsyncIterator[Serve]:
    """Applications of the test's own."""
    async with AsyncExitStack() as stack:

        async def at(**given: Any) -> Live:
            entered: AbstractAsyncContextManager[Live] = served(worker_url, client.http, **given)
            return await stack.enter_async_context(entered)

        yield at


INSERT_EVENT = """INSERT INTO events (execution_id, seq, type, actor, changes)
    VALUES ($1, $2, 'LEASE_EXTENDED', 'test', '{}')"""

Open = Callable[..., Awaitable[Callable[[], Awaitable[None]]]]


@pytest_asyncio.fixture
async def open_(worker_url: str) -> AsyncIterator[Open]:
    """Writes an event in a transaction of its own that stays open; returns what commits it."""
    async with AsyncExitStack() as stack:

        async def begin(execution: UUID, seq: int) -> Callable[[], Awaitable[None]]:
            connection = await asyncpg.connect(worker_url.replace("+asyncpg", ""))
            stack.push_async_callback(connection.close)
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(INSERT_EVENT, execution, seq)
            commit: Callable[[], Awaitable[None]] = transaction.commit
            return commit

        yield begin


_ALL_SHOW = "SELECT coalesce(max(xid) < pg_snapshot_xmin(pg_current_snapshot()), true) FROM events"

Write = Callable[[Feed, int, int], Awaitable[None]]


@pytest_asyncio.fixture
async def execution(make: Factory) -> UUID:
    """An execution."""
    return await make.execution()


@pytest.fixture
def execution_id(execution: UUID) -> str:
    """Its public id."""
    return encode(Kind.EXECUTION, execution)


@pytest.fixture
def write(make: Factory, execution: UUID, database: Database) -> Write:
    """Writes the execution's rows of a feed, from one number to another.

    It waits for transactions of other databases of the cluster, behind which changes do not show.
    """

    async def rows(feed: Feed, first: int, last: int) -> None:
        await make.records(execution, **{feed.rows: [{"seq": seq} for seq in range(first, last + 1)]})
        async with database.reading() as connection:
            while not await connection.fetchval(_ALL_SHOW):
                await connection.execute("SELECT pg_sleep(0.01)")

    return rows
