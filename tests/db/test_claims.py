"""Claims where very many executions run: what waits is given out at once, orphans are found soon."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from db.engine import Database
from db.enums import ExecutionStatus
from db.writes.claims import MANY, Orphans, claim_executions, orphans_of
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


@pytest_asyncio.fixture
async def engine(worker_url: str, database: Database) -> AsyncIterator[Database]:
    """A database of its own: what claims have learnt of their looks is kept with it."""
    engine = Database(worker_url, pool_size=1)
    yield engine
    await engine.close()


def slow(orphans: Orphans, seconds: float = 1.0) -> Orphans:
    """After looks that each took so long."""
    for _ in range(8):
        orphans.looked(seconds)
    return orphans


async def claimed(database: Database) -> list[UUID]:
    """What a claim gets."""
    return list(await claim_executions(database, WRITE, "w", TTL, 10, None))


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
    engine: Database, make: Factory
) -> None:
    waiting = await make.execution()
    orphan = await make.execution(status=ExecutionStatus.RUNNING, lease_epoch=1)
    slow(orphans_of(engine))
    between = await claimed(engine)
    orphans_of(engine).expect()
    assert (between, await claimed(engine)) == ([waiting], [orphan])


async def test_what_is_given_up_is_claimed_at_once(engine: Database, make: Factory) -> None:
    execution = await make.execution(status=ExecutionStatus.RUNNING)
    await acquire_lease(engine, execution, WRITE, "w", TTL)
    slow(orphans_of(engine))
    await release_lease(engine, execution, WRITE, "w")
    assert await claimed(engine) == [execution]


async def test_a_slow_look_at_few_was_a_busy_machine(
    engine: Database, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Orphans, "QUICK", 0)
    for _ in range(8):
        await claimed(engine)
    assert orphans_of(engine).due()


async def test_looks_at_many_are_spared(
    engine: Database, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Orphans, "QUICK", 0)
    await make.executions(MANY, status=ExecutionStatus.RUNNING)
    for _ in range(8):
        await claimed(engine)
    assert not orphans_of(engine).due()
