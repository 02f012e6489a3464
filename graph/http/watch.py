"""What ends an operation early: its deadline, and a client that goes away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from graph.errors import Rejection
from graph.http.bodies import ClientGone, Receive

# Most answers are out before: only what takes longer pays for a task that listens.
_GRACE_SECONDS = 0.05


@asynccontextmanager
async def watched(receive: Receive, seconds: float | None, *, stoppable: bool) -> AsyncIterator[None]:
    """Run the block until the deadline (None for none), and while the client is there if it is `stoppable`.

    A block that is ended is cancelled, which stops its SQL. Raises `Rejection` TIMEOUT or `ClientGone`.
    """
    watch = _ClientWatch(receive) if stoppable else None
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            if watch:
                watch.start()
            yield
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise Rejection.of(
            f"This took longer than {seconds:g} seconds and was stopped. Ask for less; a write may be "
            "repeated with its `idempotencyKey`.",
            "TIMEOUT",
        ) from error
    except asyncio.CancelledError:
        if watch is None or not watch.gone or watch.task.uncancel() > 0:
            raise
        raise ClientGone from None
    finally:
        if watch:
            await watch.stop()


class _ClientWatch:
    def __init__(self, receive: Receive) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.task = task
        self.gone = False
        self._receive = receive
        self._listening: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_GRACE_SECONDS, self._begin)

    def _begin(self) -> None:
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        self.task.cancel()

    async def stop(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._listening and not self._listening.done():
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
