"""The door to PostgreSQL: one engine, and short sessions for reads and for writes.

No session lives as long as a request. A read takes the driver's connection out of SQLAlchemy's pool for
one statement or a few; a write is one session and one transaction. Nothing awaits anything else while it
holds one of them, so a pool of a single connection is enough to be correct.
"""

import sys
from collections.abc import AsyncIterator, Callable, Collection, Hashable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import event, text
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import QueuePool

from db.database_url import Target, parse_url
from db.errors import NotReady
from db.lanes import Lanes
from db.meter import Budget, Holdings, Meter
from db.translation import translated
from db.writability import Writability

OLDEST_SERVER = 15
# Seconds that a session waits for a connection of the pool before it is refused.
POOL_TIMEOUT = 30.0

Connection: TypeAlias = asyncpg.Connection


def _json_text(value: object) -> str:
    return orjson.dumps(value).decode()


def _install_meter(connection: Any, record: Any) -> None:
    record.info[_METER] = meter = Meter()
    connection.run_async(meter.install)


def _refuse_closed(connection: Any, record: object, proxy: object) -> None:
    # A server that went away closed its sockets, which the driver knows without a round trip: the pool
    # then replaces all that it has, for what ended one connection has mostly ended the others, instead of
    # handing out a dead one. Since it hands out the one that came back last, who asks again meets this.
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


# After one of these the driver can't be sure of the connection's state, as when the server died in
# mid-sentence: it is closed, and the pool makes another.
_CLIENT_FAULTS = (asyncpg.InterfaceError, asyncpg.InternalClientError)


_METER = "meter"
_UNBOUND = "SET LOCAL statement_timeout = 0"


# Batches look rows up by their keys and do nothing else, so their plans are made once for any arguments: left
# to itself PostgreSQL plans some of them anew each time, which costs several times what they do.
_BY_KEY = {
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
}
# Two batches under way, and one that waits for somebody else's lock.
_BATCH_CONNECTIONS = 3
_SMALLEST_SHARED = 4


class Session(StrEnum):
    """What a session is for."""

    READ = "read"
    WRITE = "write"
    MAINTENANCE = "maintenance"


Observer: TypeAlias = Callable[[Session], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class PoolUse:
    """How many connections the pool may hold, and how many of them are in use."""

    size: int
    in_use: int


async def driver_of(holder: AsyncSession | AsyncConnection) -> asyncpg.Connection:
    """The driver's connection on which a session or connection of SQLAlchemy is."""
    connection = await holder.connection() if isinstance(holder, AsyncSession) else holder
    driver: asyncpg.Connection = (await connection.get_raw_connection()).driver_connection
    return driver


def _milliseconds(duration: timedelta) -> str:
    return str(duration // timedelta(milliseconds=1))


def _connect_args(
    connect_timeout: float, statement_timeout: timedelta | None, pooler: bool
) -> dict[str, Any]:
    if pooler:
        # Between two transactions the pooler may put another server behind the connection, which knows
        # neither its settings nor its prepared statements. Unnamed ones are parsed anew in the same round
        # trip, and leave nothing behind.
        return {
            "timeout": connect_timeout,
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": str,
        }
    session = {} if statement_timeout is None else {"statement_timeout": _milliseconds(statement_timeout)}
    return {"timeout": connect_timeout, "server_settings": session}


def _engine(target: Target, size: int, arguments: dict[str, Any]) -> AsyncEngine:
    engine = create_async_engine(
        target.url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT,
        pool_use_lifo=True,
        connect_args=arguments | target.arguments,
        json_serializer=_json_text,
        # Reads hand JSON on as the text it is; writes, which look into it, parse it by the columns' type.
        json_deserializer=str,
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


class Database:
    """A pool of connections to one PostgreSQL database.

    `pool_size` bounds the connections that this process holds; three of them are for batches of writes (one
    beside the others where `pool_size` is less than four), and `db/lanes.py` shares out the others. A
    statement that runs longer than `statement_timeout` is stopped by the server; maintenance and migrations
    are not bound by it. Behind a pooler in transaction mode (`pooler`) that holds for writes, and reads are
    stopped by who asked only.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        connect_timeout: float = 10.0,
        statement_timeout: timedelta | None = None,
        pooler: bool = False,
        most_held: int = sys.maxsize,
    ) -> None:
        target = parse_url(url)
        self._where = target.where
        arguments = _connect_args(connect_timeout, statement_timeout, pooler)
        shared = pool_size >= _SMALLEST_SHARED
        batches = _BATCH_CONNECTIONS if shared else 1
        others = pool_size - _BATCH_CONNECTIONS if shared else pool_size
        self._engine = _engine(target, others, arguments)
        event.listen(self._engine.sync_engine, "connect", _install_meter)
        if not pooler:
            settings = {**arguments["server_settings"], **_BY_KEY}
            arguments = {**arguments, "server_settings": settings, "statement_cache_size": 500}
        self._batches = _engine(target, batches, arguments)
        self._listeners: list[Callable[[Collection[UUID]], None]] = []
        self._observer: Observer = lambda kind: nullcontext()
        self._lanes = Lanes(others)
        self._holdings = Holdings(most_held)
        self.writability = Writability()
        self._bound = None
        if pooler and statement_timeout is not None:
            self._bound = text(f"SET LOCAL statement_timeout = {_milliseconds(statement_timeout)}")

    @property
    def pool(self) -> PoolUse:
        """How full the pool is."""
        pools = [engine.sync_engine.pool for engine in (self._engine, self._batches)]
        return PoolUse(
            sum(pool.size() for pool in pools if isinstance(pool, QueuePool)),
            sum(pool.checkedout() for pool in pools if isinstance(pool, QueuePool)),
        )

    def budget(self, most_bytes: int) -> Budget:
        """What one operation may fetch; all together hold no more than `most_held` bytes."""
        return Budget(most_bytes, self._holdings)

    def observe(self, observer: Observer) -> None:
        """Enter what `observer` gives around each session, from before it waits for a connection."""
        self._observer = observer

    def on_commit(self, listener: Callable[[Collection[UUID]], None]) -> None:
        """Call `listener` with the executions that a write of this process has changed or made."""
        self._listeners.append(listener)

    def committed(self, *execution_ids: UUID) -> None:
        """Tell the listeners that a write to these executions has committed."""
        for listener in self._listeners:
            listener(execution_ids)

    def reading(
        self, caller: Hashable | None = None, *, for_write: bool = False, budget: Budget | None = None
    ) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """The driver's connection, for a few hot statements outside any transaction.

        For a `caller` it comes out of their share of the pool; `for_write` out of the share of writes, to
        answer one. What it fetches counts for the `budget`. Raises a domain error for any database error
        inside (`Unavailable` where it can't be reached).
        """
        if for_write:
            return self._driver(Session.READ, self._lanes.write(POOL_TIMEOUT), budget)
        lane = nullcontext() if caller is None else self._lanes.read(caller, POOL_TIMEOUT)
        return self._driver(Session.READ, lane, budget)

    @asynccontextmanager
    async def _driver(
        self, kind: Session, lane: AbstractAsyncContextManager[None], budget: Budget | None = None
    ) -> AsyncIterator[asyncpg.Connection]:
        with self._observer(kind), translated(self._where):
            async with lane:
                connection = await self._engine.raw_connection()
                driver: asyncpg.Connection = connection.driver_connection
                connection.info[_METER].budget = budget
                try:
                    yield driver
                except _CLIENT_FAULTS:
                    driver.terminate()
                    raise
                finally:
                    connection.info[_METER].budget = None
                    connection.close()

    def writing(self) -> AbstractAsyncContextManager[AsyncSession]:
        """One session and one transaction: committed at the end, rolled back on any error.

        Raises a domain error for any database error inside.
        """
        return self._session(self._engine, self._lanes.write(POOL_TIMEOUT))

    @asynccontextmanager
    async def _session(
        self, engine: AsyncEngine, lane: AbstractAsyncContextManager[None]
    ) -> AsyncIterator[AsyncSession]:
        with self._observer(Session.WRITE), self.writability.noted(), translated(self._where):
            async with lane, engine.connect() as connection:
                driver = await driver_of(connection)
                try:
                    async with AsyncSession(connection, expire_on_commit=False) as session, session.begin():
                        if self._bound is not None:
                            await session.execute(self._bound)
                        yield session
                except _CLIENT_FAULTS:
                    driver.terminate()
                    raise

    @asynccontextmanager
    async def batching(self) -> AsyncIterator[asyncpg.Connection]:
        """The driver's connection inside the transaction of one session, for a batch of writes.

        Engines wait for it, their heartbeats among them: no read and no other write keeps it from a
        connection. Committed at the end, rolled back on any error; raises a domain error for any database
        error.
        """
        async with self._session(self._batches, nullcontext()) as session:
            driver = await driver_of(session)
            async with driver.transaction():
                yield driver

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[asyncpg.Connection]:
        """As `writing`, but the driver's connection, for a few statements that are written out."""
        driver = self._driver(Session.WRITE, self._lanes.write(POOL_TIMEOUT))
        with self.writability.noted():
            async with driver as connection, connection.transaction():
                if self._bound is not None:
                    await connection.execute(self._bound.text)
                yield connection

    @asynccontextmanager
    async def maintaining(self) -> AsyncIterator[asyncpg.Connection]:
        """The driver's connection inside one transaction, for bulk loads and changes of the schema."""
        driver = self._driver(Session.MAINTENANCE, nullcontext())
        with self.writability.noted():
            async with driver as connection, connection.transaction():
                await connection.execute(_UNBOUND)
                yield connection

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        """A SQLAlchemy connection for the migrations, which manage their own transaction."""
        with translated(self._where):
            async with self._engine.connect() as connection:
                yield connection

    async def check_server(self) -> str:
        """The server's version, such as `18.1`; raises `NotReady` below the oldest that is supported."""
        async with self.reading() as connection:
            number, version = await connection.fetchrow(
                "SELECT current_setting('server_version_num')::int, current_setting('server_version')"
            )
        if number < OLDEST_SERVER * 10_000:
            raise NotReady(
                f"PostgreSQL {version} is too old: {OLDEST_SERVER} is the oldest that Flowkeep runs on."
            )
        return str(version)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
        await self._batches.dispose()
