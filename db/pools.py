"""Connections to one server: how they are made and kept, and short sessions on the driver's own."""

from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeAlias
from weakref import WeakSet

import asyncpg
import orjson
from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from db.database_url import Target
from db.lanes import Lanes
from db.meter import Budget, Meter
from db.topology import Driver, Recognition
from db.translation import translated

# Seconds that a session waits for a connection of the pool before it is refused.
POOL_TIMEOUT = 30.0
# After one of these the driver can't be sure of the connection's state, as when the server died in
# mid-sentence: it is closed, and the pool makes another.
CLIENT_FAULTS = (asyncpg.InterfaceError, asyncpg.InternalClientError)

_METER = "meter"


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

    @classmethod
    def of(cls, *engines: AsyncEngine) -> "PoolUse":
        """Of all these together."""
        pools = [engine.sync_engine.pool for engine in engines]
        return cls(
            sum(pool.size() for pool in pools if isinstance(pool, QueuePool)),
            sum(pool.checkedout() for pool in pools if isinstance(pool, QueuePool)),
        )


def milliseconds(duration: timedelta) -> str:
    """As PostgreSQL's settings take it."""
    return str(duration // timedelta(milliseconds=1))


def connect_arguments(
    connect_timeout: float, statement_timeout: timedelta | None, *, pooler: bool
) -> dict[str, Any]:
    """With what the driver connects; behind a pooler the server hears of no settings."""
    if pooler:
        # Between two transactions the pooler may put another server behind the connection, which knows
        # neither its settings nor its prepared statements. Unnamed ones are parsed anew in the same round
        # trip, and leave nothing behind.
        return {
            "timeout": connect_timeout,
            "connection_class": Driver,
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": str,
        }
    session = {} if statement_timeout is None else {"statement_timeout": milliseconds(statement_timeout)}
    return {"timeout": connect_timeout, "connection_class": Driver, "server_settings": session}


def make_engine(
    target: Target, size: int, arguments: dict[str, Any], recognition: Recognition | None = None
) -> AsyncEngine:
    """SQLAlchemy's engine with a pool of `size` connections, which know what `recognition` does."""
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
    event.listen(engine.sync_engine, "connect", recognition or Recognition())
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


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


class Pool:
    """`size` connections to one server, which `db/lanes.py` shares out; what they bring is metered.

    `observer` gives what is entered around each session, from before it waits for a connection; `gate` is
    called once it has its place, and may refuse it.
    """

    def __init__(self, target: Target, size: int, arguments: dict[str, Any]) -> None:
        self.engine = make_engine(target, size, arguments)
        event.listen(self.engine.sync_engine, "connect", _install_meter)
        event.listen(self.engine.sync_engine, "connect", self._know)
        event.listen(self.engine.sync_engine, "checkout", self._refuse_after_end, insert=True)
        self._has_ended = False
        self._known: WeakSet[asyncpg.Connection] = WeakSet()
        self.observer: Observer = lambda kind: nullcontext()
        self.gate: Callable[[], None] = lambda: None
        self._where = target.where
        self._lanes = Lanes(size)

    def write_lane(self) -> AbstractAsyncContextManager[None]:
        """A place among the writes and their answers."""
        return self._lanes.write(POOL_TIMEOUT)

    def reading(
        self, caller: Hashable | None = None, *, for_write: bool = False, budget: Budget | None = None
    ) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """The driver's connection, for a few hot statements outside any transaction.

        For a `caller` it comes out of their share of the pool; `for_write` out of the share of writes, to
        answer one. What it fetches counts for the `budget`. Raises a domain error for any database error
        inside (`Unavailable` where it can't be reached).
        """
        if for_write:
            return self.session(Session.READ, self.write_lane(), budget)
        lane = nullcontext() if caller is None else self._lanes.read(caller, POOL_TIMEOUT)
        return self.session(Session.READ, lane, budget)

    @asynccontextmanager
    async def session(
        self, kind: Session, lane: AbstractAsyncContextManager[None], budget: Budget | None = None
    ) -> AsyncIterator[asyncpg.Connection]:
        """The driver's connection for a session of that kind, once there is a place in the lane."""
        with self.observer(kind), translated(self._where):
            async with lane:
                self.gate()
                connection = await self.engine.raw_connection()
                driver: asyncpg.Connection = connection.driver_connection
                connection.info[_METER].budget = budget
                try:
                    yield driver
                except CLIENT_FAULTS:
                    driver.terminate()
                    raise
                finally:
                    self._has_ended |= driver.is_closed()
                    connection.info[_METER].budget = None
                    connection.close()

    def terminate(self) -> None:
        """Cut every connection off, those in use too; the pool makes others when it is asked next."""
        for driver in [*self._known]:
            driver.terminate()

    def _refuse_after_end(self, connection: object, record: object, proxy: object) -> None:
        # As `_refuse_closed`, also where the one that was closed is not the next to be handed out: the others
        # may have been told of their end, and not be closed yet.
        if self._has_ended:
            self._has_ended = False
            raise InvalidatePoolError

    def _know(self, connection: Any, record: object) -> None:
        self._known.add(connection.driver_connection)

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()
