"""Sessions on the standby, and why a query is read from the primary after all."""

from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from weakref import WeakKeyDictionary

import asyncpg

from db.errors import Contended, Occupied, OutOfTime, Unavailable
from db.meter import Budget
from db.pools import Pool
from db.replica.standing import replayed


class Fallback(StrEnum):
    """Why a query is not read from the standby."""

    BEHIND = "behind"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    POSITION = "position"
    """It had not replayed in time what the caller must see."""
    CONFLICT = "conflict"
    """Replaying needed what the query looked at."""
    LOST = "lost"
    """It went away, or could not go on."""
    SCHEMA = "schema"
    """It does not have yet what the query asks for: a migration is not replayed."""


class Elsewhere(Unavailable):
    """The standby can't answer this; the primary may."""

    def __init__(self, reason: Fallback) -> None:
        super().__init__("The replica can't answer this now; the primary may.")
        self.reason = reason


class Reads:
    """Sessions on one standby; `lost` is called where it went away in one of them."""

    def __init__(self, pool: Pool, lost: Callable[[], None]) -> None:
        self._pool = pool
        self._lost = lost
        # By connection, for behind an address may be another server than a moment ago. On one connection it
        # is one server, which never goes back.
        self._replayed: WeakKeyDictionary[asyncpg.Connection, int] = WeakKeyDictionary()

    @asynccontextmanager
    async def reading(
        self, caller: Hashable, budget: Budget | None, after: int
    ) -> AsyncIterator[asyncpg.Connection]:
        """The driver's connection out of the caller's share, to a server that has replayed `after`.

        Raises `Elsewhere` for what the primary may answer, and domain errors as the primary's sessions do.
        """
        try:
            async with self._pool.reading(caller, budget=budget) as driver:
                await self._require(driver, after)
                yield driver
        except (Occupied, OutOfTime, Elsewhere):
            raise
        except Contended as error:
            raise Elsewhere(Fallback.CONFLICT) from error
        except Unavailable as error:
            self._lost()
            raise Elsewhere(Fallback.LOST) from error
        except asyncpg.PostgresError as error:
            # What is a fault of ours is one on the primary too, and told there.
            raise Elsewhere(Fallback.SCHEMA) from error

    async def _require(self, driver: asyncpg.Connection, after: int) -> None:
        if self._replayed.get(driver, 0) >= after:
            return
        self._replayed[driver] = position = await replayed(driver)
        if position < after:
            raise Elsewhere(Fallback.POSITION)


class View:
    """The standby from a position on, for one operation."""

    def __init__(self, reads: Reads, after: int) -> None:
        self._reads = reads
        self._after = after

    def reading(
        self, caller: Hashable, budget: Budget | None = None
    ) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """As `Reads.reading`."""
        return self._reads.reading(caller, budget, self._after)
