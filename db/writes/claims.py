"""Claims: executions that wait, or that nobody holds any more, go to whoever asks for some to run."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID
from weakref import WeakKeyDictionary

import asyncpg

from db.engine import Database
from db.writes.answers import Outcome
from db.writes.due import Lease, claim_due
from db.writes.idempotent import change_idempotent
from db.writes.write import Write

MANY = 5000
_RUNNING = f"SELECT count(*) FROM (SELECT 1 FROM executions WHERE status = 'RUNNING' LIMIT {MANY}) r"


async def claim_executions(
    database: Database, write: Write, holder: str, ttl: timedelta, limit: int, names: Sequence[str] | None
) -> dict[UUID, int | None]:
    """Take the leases of up to `limit` orphans and PENDING executions, and set them RUNNING.

    Those of the workflows with the highest priority come first, of those orphans, and of those the oldest.
    Where very many are RUNNING, not every claim looks for orphans among them (see `Orphans`).
    `names` restricts them to workflows with these names. Returns the epochs of the leases by the keys of
    those claimed; None where a release before this one has answered the same call.
    """
    orphans = orphans_of(database)

    async def work(driver: asyncpg.Connection) -> Outcome:
        looking, began = orphans.due(), time.monotonic()
        lease = Lease(holder, ttl, write.actor)
        rows = await claim_due(driver, lease, names, limit, orphans=looking)
        if looking:
            seconds = time.monotonic() - began
            slow = seconds > orphans.QUICK and await driver.fetchval(_RUNNING) == MANY
            orphans.looked(seconds if slow else 0)
        return {
            "executions": [row["id"].hex for row in rows],
            "epochs": [row["lease_epoch"] for row in rows],
        }

    outcome = await change_idempotent(database, write, work, _claimed)
    keys = _claimed(outcome)
    return dict(zip(keys, outcome.get("epochs") or [None] * len(keys), strict=True))


def _claimed(outcome: Outcome) -> list[UUID]:
    return [UUID(key) for key in outcome["executions"]]


class Orphans:
    """When the claims of this process look for orphans: always, while that is quick.

    The look costs as much as there are RUNNING executions. Where there are `MANY` and it takes longer than
    `QUICK` seconds, it may take up no more than one part in `SPARING` of the time; claims in between take
    what waits.
    """

    QUICK = 0.01
    SPARING = 20

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = 0.0
        # The least of some, so that a stall of the machine is not taken for many executions.
        self._costs: deque[float] = deque(maxlen=8)

    def due(self) -> bool:
        """Whether it is time for a look."""
        return self._clock() >= self._next

    def looked(self, seconds: float) -> None:
        """Note that a look has taken so long."""
        self._costs.append(seconds)
        full = len(self._costs) == self._costs.maxlen
        if full and (cost := min(self._costs)) > self.QUICK:
            self._next = self._clock() + self.SPARING * cost

    def expect(self) -> None:
        """Look at the next claim: there is an orphan."""
        self._next = 0.0


_orphans: "WeakKeyDictionary[Database, Orphans]" = WeakKeyDictionary()


def orphans_of(database: Database) -> Orphans:
    """When claims on a database look for orphans."""
    return _orphans.setdefault(database, Orphans())
