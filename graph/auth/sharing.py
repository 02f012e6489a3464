"""Of several that need the same at once, one gets it and all share what came of it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Shared(Generic[K, T]):
    """Runs one thing a key at a time. Whoever gives up waiting does not stop it for the others."""

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[T]] = {}

    def start(self, key: K, work: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        """The task that does `work`, or the one that is already at it."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.ensure_future(_awaited(work))
            task.add_done_callback(lambda done: self._finish(key, done))
        return task

    async def run(self, key: K, work: Callable[[], Awaitable[T]]) -> T:
        """The outcome of `work`, or of what is already at it; raises what it raises."""
        return await asyncio.shield(self.start(key, work))

    def busy(self, key: K) -> bool:
        """Whether something is at it."""
        return key in self._running

    def _finish(self, key: K, done: asyncio.Task[Any]) -> None:
        del self._running[key]
        if not done.cancelled():
            done.exception()  # or asyncio would complain where nobody waited for it


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
