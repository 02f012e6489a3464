"""Who gets how many of a pool's connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from db import pools
from db.engine import Database
from db.errors import Unavailable

Session = AbstractAsyncContextManager[Any]


@pytest_asyncio.fixture
async def ten(worker_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A pool of ten, for which nobody waits long."""
    monkeypatch.setattr(pools, "POOL_TIMEOUT", 0.5)
    pool = Database(worker_url, pool_size=10)
    yield pool
    await pool.close()


async def entered(stack: AsyncExitStack, *sessions: Session) -> int:
    """How many of the sessions get a connection, all kept open."""
    found = await asyncio.gather(*map(stack.enter_async_context, sessions), return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in found if isinstance(one, BaseException)), found
    return sum(not isinstance(one, BaseException) for one in found)


async def test_one_caller_reads_over_about_half_of_what_is_there_to_read(ten: Database) -> None:
    async with AsyncExitStack() as stack:
        ann = await entered(stack, *(ten.reading("ann") for _ in range(10)))
        bob = await entered(stack, *(ten.reading("bob") for _ in range(10)))
        assert (ann, bob) == (3, 2)


async def test_reads_leave_connections_to_writes(ten: Database) -> None:
    async with AsyncExitStack() as stack:
        await entered(stack, *(ten.reading(at) for at in range(10)))
        assert await entered(stack, *(ten.writing() for _ in range(5))) == 1


async def test_writes_leave_one_to_heartbeats_and_the_service(ten: Database) -> None:
    async with AsyncExitStack() as stack:
        writes = await entered(stack, *(ten.writing() for _ in range(12)))
        assert (writes, await entered(stack, ten.reading(), ten.batching())) == (6, 2)
    async with AsyncExitStack() as stack:
        answered = await entered(stack, *(ten.reading("ann", for_write=True) for _ in range(12)))
        assert (answered, await entered(stack, ten.reading())) == (6, 1)


async def test_what_is_given_back_is_there_again(ten: Database) -> None:
    for _ in range(3):
        async with AsyncExitStack() as stack:
            assert await entered(stack, *(ten.reading("ann") for _ in range(3))) == 3


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_a_small_pool_is_used_by_whoever_comes(worker_url: str, size: int) -> None:
    small = Database(worker_url, pool_size=size)
    async with AsyncExitStack() as stack:
        assert await entered(stack, *(small.reading(at) for at in range(size))) == size
    await small.close()
