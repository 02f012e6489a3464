"""Sessions that stay open from one transaction to the next, each on a connection of its own.

To open a session with its connection, and to close them, takes SQLAlchemy longer than a small write takes in
all: what writes all the time keeps a few.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from db import pools
from db.lanes import all_of


async def driver_of(holder: AsyncSession | AsyncConnection) -> asyncpg.Connection:
    """The driver's connection on which a session or connection of SQLAlchemy is."""
    connection = await holder.connection() if isinstance(holder, AsyncSession) else holder
    driver: asyncpg.Connection = (await connection.get_raw_connection()).driver_connection
    return driver


@dataclass(frozen=True, slots=True)
class _Kept:
    """A session, the driver's connection under it, and what closes both."""

    session: AsyncSession
    driver: asyncpg.Connection
    opened: AsyncExitStack


class KeptSessions:
    """At most `size` sessions of an engine with as many connections, opened when they are needed."""

    def __init__(self, engine: AsyncEngine, size: int) -> None:
        self._engine = engine
        self._places = asyncio.Semaphore(size)
        self._idle: list[_Kept] = []

    @property
    def idle(self) -> int:
        """How many are open, and in no transaction."""
        return len(self._idle)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[asyncpg.Connection]:
        """The driver's connection inside a transaction of a session.

        Committed at the end; rolled back on any error, after which the session is not kept.
        """
        async with self._hold() as kept:
            # The session's own books, for which nothing is waited: a greenlet for each entry would take
            # longer than all of them.
            books = kept.session.sync_session
            with books.begin():
                books.connection()
                async with kept.driver.transaction():
                    yield kept.driver

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[asyncpg.Connection]:
        """The driver's connection of a session in no transaction: each statement is one of its own.

        After any error the session is not kept.
        """
        async with self._hold() as kept:
            yield kept.driver

    @asynccontextmanager
    async def _hold(self) -> AsyncIterator[_Kept]:
        async with all_of(pools.POOL_TIMEOUT, self._places), AsyncExitStack() as stack:
            kept = self._pop() or await self._open()
            stack.push_async_callback(self._give_up, kept)
            try:
                yield kept
            except pools.CLIENT_FAULTS:
                kept.driver.terminate()
                raise
            stack.pop_all()
            self._idle.append(kept)

    def _pop(self) -> _Kept | None:
        # One whose server has gone is left to the engine's pool, which then replaces all that it has.
        if self._idle and not self._idle[-1].driver.is_closed():
            return self._idle.pop()
        return None

    async def _open(self) -> _Kept:
        await self.close()
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(self._engine.connect())
            session = await stack.enter_async_context(AsyncSession(connection, expire_on_commit=False))
            return _Kept(session, await driver_of(connection), stack.pop_all())

    async def _give_up(self, kept: _Kept) -> None:
        has_ended = kept.driver.is_closed()
        await kept.opened.aclose()
        if has_ended:
            await self.close()  # what ended one has mostly ended the others

    async def close(self) -> None:
        """Close those that are in no transaction."""
        while self._idle:
            await self._idle.pop().opened.aclose()
