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
