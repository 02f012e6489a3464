"""Many writers at once, each on a connection of its own, as processes would be."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from db.engine import Database
from db.errors import FlowkeepError
from db.writes.write import Write
from tests.patience import PATIENCE

T = TypeVar("T")


def write(key: str | None = None, epoch: int | None = None, fingerprint: bytes = b"same") -> Write:
    """The circumstances of a write."""
    return Write("test", fingerprint, key, epoch)


class Writers:
    """Databases with one open connection each, kept from test to test."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: list[Database] = []

    async def __call__(self, number: int) -> list[Database]:
        """So many of them."""
        new = [Database(self._url, pool_size=1) for _ in range(number - len(self._made))]
        self._made += new
        await asyncio.gather(*(one.check_server() for one in new))
        return self._made[:number]

    async def close(self) -> None:
        """Close all that were made."""
        await asyncio.gather(*(one.close() for one in self._made))


async def outcome(work: Awaitable[T]) -> T | str:
    """What a write returns, or the name of its refusal."""
    try:
        return await work
    except FlowkeepError as error:
        return type(error).__name__


async def at_once(
    databases: Sequence[Database], work: Callable[[Database, int], Awaitable[Any]]
) -> list[Any]:
    """The outcomes of the same work by all, started together."""
    return list(await asyncio.gather(*(outcome(work(one, at)) for at, one in enumerate(databases))))


async def queued(
    url: str, key: UUID, *works: Callable[[], Awaitable[Any]], table: str = "executions"
) -> list[Any]:
    """The outcomes of writes to one execution that wait for its row in this order, and then get it.

    Or to what another `table` has.
    """
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        held = connection.transaction()
        await held.start()
        await connection.execute(f"SELECT FROM {table} WHERE id = $1 FOR UPDATE", key)
        tasks = []
        for work in works:
            tasks.append(asyncio.create_task(outcome(work())))
            await _waiting(connection, len(tasks))
        await held.rollback()
        return list(await asyncio.gather(*tasks))
    finally:
        await connection.close()


_WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
_WAITING_ON_NODES = """
SELECT count(DISTINCT w.waiting_gpid) FROM citus_lock_waits w
JOIN citus_stat_activity a ON a.global_pid = w.waiting_gpid WHERE a.datname = current_database()
"""


async def _waiting(connection: asyncpg.Connection, number: int) -> None:
    """Until so many sessions of this database wait for a lock, on whichever node."""
    on_nodes = await connection.fetchval("SELECT to_regclass('pg_catalog.citus_lock_waits') IS NOT NULL")
    counting = _WAITING_ON_NODES if on_nodes else _WAITING
    async with asyncio.timeout(PATIENCE):
        while await connection.fetchval(counting) < number:
            # Or within a transaction no session would ever be seen that began later.
            await connection.execute("SELECT pg_sleep(0.005), pg_stat_clear_snapshot()")
