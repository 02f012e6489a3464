"""What ends an operation early: its deadline, and a client that goes away."""

import asyncio
from contextlib import suppress
from types import TracebackType

from graph.errors import Rejection
from graph.http.bodies import ClientGone, Receive

# Most answers are out before: only what takes longer pays for a deadline and a task that listens.
_GRACE_SECONDS = 0.05


class Cancellable:
    """Run the block until the deadline (None for none), and while the client is there if it is `stoppable`.

    A block that is ended is cancelled, which stops its SQL. Raises `Rejection` TIMEOUT or `ClientGone`.
    """

    __slots__ = (
        "_cancelling",
        "_ended",
        "_listening",
        "_receive",
        "_seconds",
        "_stoppable",
        "_task",
        "_timer",
    )

    def __init__(self, receive: Receive, seconds: float | None, *, stoppable: bool) -> None:
        self._receive = receive
        self._seconds = seconds
        self._stoppable = stoppable
        self._listening: asyncio.Task[None] | None = None
        # Why the block was cancelled, each reason having cancelled it once.
        self._ended: list[Exception] = []

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._timer: asyncio.TimerHandle | None = None
        first = _GRACE_SECONDS if self._seconds is None else min(_GRACE_SECONDS, self._seconds)
        self._timer = asyncio.get_running_loop().call_later(first, self._look, first)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._listening is not None and not self._listening.done():
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        if not self._ended:
            return
        for _ in self._ended:
            still = self._task.uncancel() > self._cancelling
        if kind is asyncio.CancelledError and not still:
            raise self._ended[0] from error

    def _look(self, waited: float) -> None:
        self._timer = None
        if self._stoppable:
            self._listening = asyncio.create_task(self._listen())
        if self._seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds - waited, self._expire)

    def _expire(self) -> None:
        self._end(
            Rejection.of(
                f"This took longer than {self._seconds:g} seconds and was stopped. Ask for less; a write "
                "may be repeated with its `idempotencyKey`.",
                "TIMEOUT",
            )
        )

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._end(ClientGone())

    def _end(self, reason: Exception) -> None:
        self._ended.append(reason)
        self._task.cancel()
