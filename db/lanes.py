"""How the connections of a pool are shared out, so that nobody's haste becomes everybody's wait.

Callers read over a part of them, one caller over about half of that part: what they leave is for writes and
their answers. One connection is taken by neither: for what the service itself has to ask. What engines write,
heartbeats among it, has connections of its own. A pool of fewer than four has no room for that, and is used
by whoever comes.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from db.errors import Occupied

_SMALLEST = 4


@dataclass(slots=True)
class _Share:
    """One caller's connections, as long as somebody has or wants one."""

    places: asyncio.Semaphore
    users: int = field(default=0)


class Lanes:
    """The shares of a pool of `size` connections."""

    def __init__(self, size: int) -> None:
        ordinary = size - 1 if size >= _SMALLEST else size
        reads = ordinary - max(1, size // 5) if size >= _SMALLEST else size
        self._ordinary = asyncio.Semaphore(ordinary)
        self._reads = asyncio.Semaphore(reads)
        self._most_of_one = (reads + 1) // 2
        self._shares: dict[Hashable, _Share] = {}

    @asynccontextmanager
    async def read(self, caller: Hashable, seconds: float) -> AsyncIterator[None]:
        """A place for a caller's read; raises `Occupied` where none gets free in time."""
        share = self._shares.setdefault(caller, _Share(asyncio.Semaphore(self._most_of_one)))
        share.users += 1
        try:
            async with all_of(seconds, share.places, self._reads, self._ordinary):
                yield
        finally:
            share.users -= 1
            if not share.users:
                del self._shares[caller]

    @asynccontextmanager
    async def write(self, seconds: float) -> AsyncIterator[None]:
        """A place for a write; raises `Occupied` where none gets free in time."""
        async with all_of(seconds, self._ordinary):
            yield


@asynccontextmanager
async def all_of(seconds: float, *places: asyncio.Semaphore) -> AsyncIterator[None]:
    """A place in each; raises `Occupied` where they don't get free in time."""
    taken: list[asyncio.Semaphore] = []
    try:
        if any(place.locked() for place in places):
            await _wait(seconds, places, taken)
        else:  # nothing waits here, so neither is a timer needed
            for place in places:
                await place.acquire()
                taken.append(place)
        yield
    finally:
        for place in taken:
            place.release()


async def _wait(seconds: float, places: Sequence[asyncio.Semaphore], taken: list[asyncio.Semaphore]) -> None:
    try:
        async with asyncio.timeout(seconds):
            for place in places:
                await place.acquire()
                taken.append(place)
    except TimeoutError:
        raise Occupied("All connections to the database were in use for too long; try again.") from None
