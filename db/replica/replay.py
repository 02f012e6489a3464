"""How far the standby has replayed, and who waits for it to come further."""

import asyncio
from collections.abc import Awaitable, Callable

from db.errors import FlowkeepError

_PAUSE = 0.005


class Replay:
    """What was last heard of the standby's position; one reader asks for all who wait."""

    def __init__(self, ask: Callable[[], Awaitable[int]]) -> None:
        self._ask = ask
        self._waiting: dict[asyncio.Future[bool], int] = {}
        self._watching: asyncio.Task[None] | None = None
        self.position = 0

    def note(self, position: int) -> None:
        """It has come that far; or it has begun anew, and not come that far again."""
        self.position = position
        for waiter, wanted in self._waiting.items():
            if wanted <= position and not waiter.done():
                waiter.set_result(True)

    def give_up(self) -> None:
        """Nobody need wait any longer: it can't be asked."""
        self.position = 0
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(False)

    async def reached(self, position: int, seconds: float) -> bool:
        """Whether it comes that far within so many seconds."""
        if self.position >= position:
            return True
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = position
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(seconds):
                return await waiter
        except TimeoutError:
            return False
        finally:
            del self._waiting[waiter]

    async def _watch(self) -> None:
        while self._waiting:
            try:
                self.note(await self._ask())
            except FlowkeepError:
                self.give_up()
            await asyncio.sleep(_PAUSE)

    async def close(self) -> None:
        """Stop asking."""
        self.give_up()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
