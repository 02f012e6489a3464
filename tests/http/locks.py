"""Tables that another connection keeps to itself: whatever reads them waits."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg

from tests.patience import PATIENCE

_WAITING = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()"""


class Held:
    """A lock that is held, by a connection that can still look around."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def awaited(self, number: int) -> bool:
        """Whether in time so many statements wait."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            # Or within a transaction no connection would ever be seen that was made later.
            await self._connection.execute("SELECT pg_stat_clear_snapshot()")
            if await self._connection.fetchval(_WAITING) == number:
                return True
            await asyncio.sleep(0.01)
        return False


Lock = Callable[[str], AbstractAsyncContextManager[Held]]


def locking(url: str) -> Lock:
    """Locks tables of one database."""

    @asynccontextmanager
    async def lock(table: str) -> AsyncIterator[Held]:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            async with connection.transaction():
                await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                yield Held(connection)
        finally:
            await connection.close()

    return lock
