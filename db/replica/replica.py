"""The standby as this process knows it: what it is good for, and since when."""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from db.database_url import parse_url
from db.engine import Database
from db.enums import ReplicaState
from db.errors import FlowkeepError, NotReady, Unavailable
from db.pools import Observer, Pool, PoolUse, connect_arguments
from db.replica.lag import Lag
from db.replica.reads import Elsewhere, Fallback, Reads, View
from db.replica.replay import Replay
from db.replica.standing import (
    Standing,
    divergence,
    objection,
    primary_standing,
    replayed,
    standby_standing,
)

logger = logging.getLogger("flowkeep.database")

# A standby that takes longer to answer a look is as good as dead: who reads from it is cut off.
LOOK_SECONDS = 2.0
CONNECT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """What the last look came to.

    `reason` is why it isn't read from. `lag_seconds` and `lag_bytes` are how far it is behind the primary,
    None where that isn't known.
    """

    state: ReplicaState
    reason: str | None = None
    lag_seconds: float | None = None
    lag_bytes: int | None = None


class Replica:
    """A standby of `primary`, read over a pool of its own, and looked at over a connection beside it.

    It is read from while it is at most `max_lag` seconds behind. Who must see a position waits `patience`
    seconds for it at most.
    """

    def __init__(
        self,
        url: str,
        primary: Database,
        *,
        max_lag: float,
        patience: float,
        pool_size: int = 10,
        statement_timeout: timedelta | None = None,
        pooler: bool = False,
    ) -> None:
        target = parse_url(url)
        arguments = connect_arguments(CONNECT_SECONDS, statement_timeout, pooler=pooler)
        self._primary = primary
        self._where = target.where
        self._pool = Pool(target, pool_size, arguments)
        self._watch = Pool(target, 1, arguments)
        self._pool.gate = self._require_there
        self._reads = Reads(self._pool, self._lost)
        self._replay = Replay(self._replayed)
        self._lag = Lag()
        self._max_lag = max_lag
        self._patience = patience
        self._status = ReplicaStatus(ReplicaState.UNREACHABLE, "The replica was not looked at yet.")
        self._told: ReplicaState | None = None

    @property
    def status(self) -> ReplicaStatus:
        """As of the last look, or of a read since that found it gone."""
        return self._status

    @property
    def pool(self) -> PoolUse:
        """How full the pool is."""
        return PoolUse.of(self._pool.engine)

    def observe(self, observer: Observer) -> None:
        """Enter what `observer` gives around each session of a query."""
        self._pool.observer = observer

    async def view(self, after: int = 0) -> View:
        """The standby once it has replayed `after`; raises `Elsewhere` where it can't be read from."""
        status = self._status
        if status.state is not ReplicaState.IN_USE:
            raise Elsewhere(Fallback[status.state.name])
        # Who is further behind than that won't make it in time.
        patience = self._patience if (status.lag_seconds or 0.0) <= self._patience else 0.0
        if not await self._replay.reached(after, patience):
            raise Elsewhere(Fallback.POSITION)
        return View(self._reads, after)

    async def require_standby(self) -> str | None:
        """Raise `NotReady` where it is no standby of the primary; why it can't be told, if it can't."""
        try:
            standby = await self._ask_standby()
        except Unavailable as error:
            return str(error)
        if (reason := objection(await self._ask_primary(), standby)) is not None:
            raise NotReady(
                f"{reason} FLOWKEEP_REPLICA_URL, which names {self._where}, has to lead to a streaming "
                "standby of the database at FLOWKEEP_DATABASE_URL; unset it to read from that one alone."
            )
        return None

    async def look(self) -> None:
        """Measure how far it is behind, and judge whether it may be read from."""
        primary = await self._ask_primary()
        now = time.monotonic()
        try:
            standby = await self._ask_standby()
        except Unavailable as error:
            self._cut_off(str(error))
            return
        self._replay.note(standby.position)
        if reason := objection(primary, standby) or divergence(primary, standby):
            self._become(ReplicaStatus(ReplicaState.REFUSED, reason))
            return
        self._become(self._judged(primary, standby, now))

    def _judged(self, primary: Standing | None, standby: Standing, now: float) -> ReplicaStatus:
        if primary is not None:
            self._lag.note(now, primary.position)
            if self._lag.seconds(now, standby.position) is None and primary.at and standby.at:
                self._lag.begin(now - max(0.0, (primary.at - standby.at).total_seconds()), standby.position)
        seconds = self._lag.seconds(now, standby.position)
        end = self._lag.end
        size = None if end is None else max(0, end - standby.position)
        # Who was too far behind comes back once it has really caught up, or it would come and go.
        was_behind = self._status.state is ReplicaState.BEHIND
        bound = self._max_lag / 2 if was_behind else self._max_lag
        if seconds is not None and seconds <= bound:
            return ReplicaStatus(ReplicaState.IN_USE, None, seconds, size)
        reason = (
            "Nobody knows how far the replica is behind."
            if seconds is None
            else f"The replica is {seconds:.1f} s behind."
        )
        return ReplicaStatus(ReplicaState.BEHIND, reason, seconds, size)

    async def _ask_standby(self) -> Standing:
        try:
            async with asyncio.timeout(LOOK_SECONDS), self._watch.reading() as connection:
                return await standby_standing(connection)
        except TimeoutError as error:
            raise Unavailable(f"{self._where} did not answer within {LOOK_SECONDS:g} s.") from error
        except (
            asyncpg.PostgresError
        ) as error:  # what replicates in another way, as some providers' servers do
            raise Unavailable(f"{self._where} does not tell how far it is: {error}.") from error

    async def _ask_primary(self) -> Standing | None:
        """None where it can't tell: the standby is then judged by what was known before."""
        try:
            async with asyncio.timeout(LOOK_SECONDS), self._primary.reading() as connection:
                return await primary_standing(connection)
        except (FlowkeepError, TimeoutError, asyncpg.PostgresError):
            return None

    async def _replayed(self) -> int:
        async with self._watch.reading() as connection:
            return await replayed(connection)

    def _require_there(self) -> None:
        # Who has waited for a place among its connections meanwhile may as well ask the primary.
        if self._status.state in (ReplicaState.UNREACHABLE, ReplicaState.REFUSED):
            raise Elsewhere(Fallback[self._status.state.name])

    def _lost(self) -> None:
        """A read found it gone: until the next look nobody else tries."""
        if self._status.state is ReplicaState.IN_USE:
            self._status = ReplicaStatus(ReplicaState.UNREACHABLE, "A connection to the replica was lost.")

    def _cut_off(self, reason: str) -> None:
        self._become(ReplicaStatus(ReplicaState.UNREACHABLE, reason))
        self._replay.give_up()
        # Those who wait for an answer of it, or of a network that swallows everything, ask the primary.
        self._pool.terminate()
        self._watch.terminate()

    def _become(self, status: ReplicaStatus) -> None:
        self._status = status
        if status.state is self._told:
            return
        self._told = status.state
        if status.state is ReplicaState.IN_USE:
            logger.info("Queries are read from the replica, %s.", self._where)
        else:
            logger.warning("Queries are read from the primary. %s", status.reason)

    async def close(self) -> None:
        """Close every connection."""
        await self._replay.close()
        await self._pool.close()
        await self._watch.close()
