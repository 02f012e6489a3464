"""Claims where very many executions run: what waits is given out at once, orphans are found soon."""

from datetime import timedelta
from uuid import UUID

from db.engine import Database
from db.enums import ExecutionStatus
from db.writes.claims import Orphans, claim_executions, orphans_of
from db.writes.leases import acquire_lease, release_lease
from db.writes.write import Write
from tests.factories import Factory

TTL = timedelta(minutes=1)
WRITE = Write("test", b"")


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def slow(orphans: Orphans, seconds: float = 1.0) -> Orphans:
    """After looks that each took so long."""
    for _ in range(8):
        orphans.looked(seconds)
    return orphans


async def claimed(database: Database) -> list[UUID]:
    """What a claim gets."""
    return await claim_executions(database, WRITE, "w", TTL, 10, None)


def test_looks_that_take_long_are_spared_for_twenty_times_as_long() -> None:
    orphans = slow(Orphans(clock := Clock()))
    due = [orphans.due()]
    for clock.now in (119.9, 120.0):
        due.append(orphans.due())
    assert due == [False, False, True]


def test_quick_looks_are_never_spared() -> None:
    assert slow(Orphans(Clock()), 0.01).due()


def test_one_long_look_among_quick_ones_is_a_stall() -> None:
    orphans = slow(Orphans(Clock()), 0.001)
    orphans.looked(5)
    assert orphans.due()


async def test_what_waits_is_claimed_between_looks_and_orphans_at_the_next(
    database: Database, make: Factory
) -> None:
    waiting, orphan = await make.execution(), await make.execution(status=ExecutionStatus.RUNNING)
    await acquire_lease(database, orphan, WRITE, "w", TTL)
    slow(orphans_of(database))
    assert await claimed(database) == [waiting]
    await release_lease(database, orphan, WRITE, "w")
    assert await claimed(database) == [orphan]
