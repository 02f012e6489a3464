"""The pool: what whoever finds it full is told, and what becomes of a connection that was closed in it."""

import pytest

from db import pools
from db.engine import Database
from db.errors import Unavailable


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a connection."""
    monkeypatch.setattr(pools, "POOL_TIMEOUT", 0.05)


@pytest.mark.usefixtures("impatient", "database")
@pytest.mark.parametrize("session", ["reading", "writing", "maintaining", "migrating"])
async def test_a_pool_that_stays_full_is_unavailable(worker_url: str, session: str) -> None:
    full = Database(worker_url, pool_size=1)
    async with full.reading():
        with pytest.raises(Unavailable, match="All connections to the database were in use"):
            await getattr(full, session)().__aenter__()
    await full.close()


@pytest.mark.usefixtures("database")
async def test_a_connection_that_was_closed_at_rest_is_replaced(worker_url: str) -> None:
    own = Database(worker_url, pool_size=1)
    async with own.reading() as first:
        pass
    first.terminate()
    async with own.reading() as second:
        assert (await second.fetchval("SELECT 1"), own.pool.in_use) == (1, 1)
    assert own.pool.in_use == 0
    await own.close()


@pytest.mark.usefixtures("impatient", "database")
async def test_a_batch_waits_for_others_no_longer_than_for_a_connection(worker_url: str) -> None:
    full = Database(worker_url, pool_size=1)
    async with full.batching():
        with pytest.raises(Unavailable, match="All connections to the database were in use"):
            await full.batching().__aenter__()
    await full.close()


@pytest.mark.usefixtures("database")
async def test_a_batch_takes_the_session_of_the_one_before(worker_url: str) -> None:
    own = Database(worker_url, pool_size=1)
    async with own.batching() as first:
        assert own.pool.in_use == 1
    async with own.batching() as second:
        assert (second is first, first.is_in_transaction()) == (True, True)
    assert (own.pool.in_use, first.is_in_transaction()) == (0, False)
    await own.close()


@pytest.mark.usefixtures("database")
async def test_what_fails_in_a_batch_is_undone_and_hurts_no_other(worker_url: str) -> None:
    own = Database(worker_url, pool_size=1)

    async def fail() -> None:
        async with own.batching() as driver:
            await driver.execute("CREATE TABLE half_done ()")
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    async with own.batching() as driver:
        assert await driver.fetchval("SELECT to_regclass('half_done')") is None
    await own.close()


@pytest.mark.usefixtures("database")
async def test_a_batch_s_connection_that_was_closed_at_rest_is_replaced(worker_url: str) -> None:
    own = Database(worker_url, pool_size=1)
    async with own.batching() as first:
        pass
    first.terminate()
    async with own.batching() as second:
        assert (await second.fetchval("SELECT 1"), own.pool.in_use) == (1, 1)
    await own.close()


@pytest.mark.usefixtures("database")
async def test_what_ended_one_connection_is_taken_to_have_ended_the_others(worker_url: str) -> None:
    own = Database(worker_url, pool_size=8)
    async with own.reading() as first, own.reading() as second:
        second.terminate()
    # The first was given back last, and would be handed out next.
    async with own.reading() as third:
        assert third not in (first, second)
    await own.close()
