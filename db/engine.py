"""The door to PostgreSQL: one engine, and short sessions for reads and for writes.

No session lives as long as a request. A read takes the driver's connection out of SQLAlchemy's pool for
one statement or a few; a write is one session and one transaction. Nothing awaits anything else while it
holds one of them, so a pool of a single connection is enough to be correct.
"""

import sys
from collections.abc import AsyncIterator, Callable, Collection, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from db.database_url import parse_url
from db.errors import NotReady
from db.meter import Budget, Holdings
from db.pools import (
    CLIENT_FAULTS,
    Observer,
    Pool,
    PoolUse,
    Session,
    connect_arguments,
    make_engine,
    milliseconds,
)
from db.sessions import KeptSessions, driver_of
from db.topology import Recognition, is_distributed
from db.translation import translated
from db.writability import Writability

Connection: TypeAlias = asyncpg.Connection

OLDEST_SERVER = 15
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
# Citus plans by the values, which say on which node a row is, and its nodes as they see fit.
_BY_VALUE = "; ".join(
    f"SET {name} = {'auto' if name == 'plan_cache_mode' else 'on'}" for name in _BY_KEY if name != "jit"
)
# Two batches under way, and one that waits for somebody else's lock.
_BATCH_CONNECTIONS = 3
_SMALLEST_SHARED = 4


def _plan_by_value(connection: Any, record: object) -> None:
    if is_distributed(connection.driver_connection):
        connection.run_async(lambda driver: driver.execute(_BY_VALUE))


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
        self._target, self._where = target, target.where
        self._unbound = connect_arguments(connect_timeout, timedelta(0), pooler=pooler)
        arguments = connect_arguments(connect_timeout, statement_timeout, pooler=pooler)
        shared = pool_size >= _SMALLEST_SHARED
        batches = _BATCH_CONNECTIONS if shared else 1
        others = pool_size - _BATCH_CONNECTIONS if shared else pool_size
        self._pool = Pool(target, others, arguments)
        if not pooler:
            settings = {**arguments["server_settings"], **_BY_KEY}
            arguments = {**arguments, "server_settings": settings, "statement_cache_size": 200}
        self._recognition = Recognition()
        self._batch_engine = make_engine(target, batches, arguments, self._recognition)
        event.listen(self._batch_engine.sync_engine, "connect", _plan_by_value)
        self._batches = KeptSessions(self._batch_engine, batches)
        self._listeners: list[Callable[[Collection[UUID]], None]] = []
        self._holdings = Holdings(most_held)
        self.writability = Writability()
        self._bound = None
        if pooler and statement_timeout is not None:
            self._bound = text(f"SET LOCAL statement_timeout = {milliseconds(statement_timeout)}")

    @property
    def pool(self) -> PoolUse:
        """How full the pool is."""
        use = PoolUse.of(self._pool.engine, self._batch_engine)
        return replace(use, in_use=use.in_use - self._batches.idle)

    @property
    def distributed(self) -> bool:
        """Whether executions are spread over nodes, as far as batches of writes know by now."""
        return self._recognition.distributed

    def budget(self, most_bytes: int) -> Budget:
        """What one operation may fetch; all together hold no more than `most_held` bytes."""
        return Budget(most_bytes, self._holdings)

    def observe(self, observer: Observer) -> None:
        """Enter what `observer` gives around each session, from before it waits for a connection."""
        self._pool.observer = observer

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
        """As `Pool.reading`."""
        return self._pool.reading(caller, for_write=for_write, budget=budget)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """One session and one transaction: committed at the end, rolled back on any error.

        Raises a domain error for any database error inside.
        """
        with self._pool.observer(Session.WRITE), self.writability.noted(), translated(self._where):
            async with self._pool.write_lane(), self._pool.engine.connect() as connection:
                driver = await driver_of(connection)
                try:
                    async with AsyncSession(connection, expire_on_commit=False) as session, session.begin():
                        if self._bound is not None:
                            await session.execute(self._bound)
                        yield session
                except CLIENT_FAULTS:
                    driver.terminate()
                    raise

    @asynccontextmanager
    async def batching(self) -> AsyncIterator[asyncpg.Connection]:
        """The driver's connection inside the transaction of one session, for a batch of writes.

        Engines wait for it, their heartbeats among them: no read and no other write keeps it from a
        connection. Committed at the end, rolled back on any error; raises a domain error for any database
        error.
        """
        with self._pool.observer(Session.WRITE), self.writability.noted(), translated(self._where):
            async with self._batches.begin() as driver:
                if self._bound is not None:
                    await driver.execute(self._bound.text)
                yield driver

    @property
    def autocommits(self) -> bool:
        """Whether a batch may be one statement, without a transaction around it.

        Not where only a transaction bounds its time, nor where it is known to go to many nodes.
        """
        return self._bound is None and not self.distributed

    @asynccontextmanager
    async def autocommitting(self) -> AsyncIterator[asyncpg.Connection]:
        """As `batching`, but in no transaction: each statement commits by itself."""
        with self._pool.observer(Session.WRITE), self.writability.noted(), translated(self._where):
            async with self._batches.autocommit() as driver:
                yield driver

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[asyncpg.Connection]:
        """As `writing`, but the driver's connection, for a few statements that are written out."""
        driver = self._pool.session(Session.WRITE, self._pool.write_lane())
        with self.writability.noted():
            async with driver as connection, connection.transaction():
                if self._bound is not None:
                    await connection.execute(self._bound.text)
                yield connection

    @asynccontextmanager
    async def maintaining(self) -> AsyncIterator[asyncpg.Connection]:
        """The driver's connection inside one transaction, for bulk loads and changes of the schema."""
        driver = self._pool.session(Session.MAINTENANCE, nullcontext())
        with self.writability.noted():
            async with driver as connection, connection.transaction():
                await connection.execute(_UNBOUND)
                yield connection

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection beside the pool, which nothing bounds: for what takes long outside a transaction."""
        engine = make_engine(self._target, 1, self._unbound)
        try:
            with self._pool.observer(Session.MAINTENANCE), translated(self._where):
                async with engine.connect() as connection:
                    yield await driver_of(connection)
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        """A SQLAlchemy connection for the migrations, which manage their own transaction."""
        with translated(self._where):
            async with self._pool.engine.connect() as connection:
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
        await self._pool.close()
        await self._batches.close()
        await self._batch_engine.dispose()
