"""Waiting for what comes about elsewhere, as long as the busiest machine may need."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds. Nothing is ever expected to take them; what has not come about by then never will."""

_LOOK_SECONDS = 0.01


async def settled(done: Callable[[], bool]) -> bool:
    """Whether it comes true in time, while this loop goes on."""
    deadline = time.monotonic() + PATIENCE
    while not done() and time.monotonic() < deadline:  # noqa: ASYNC110 - there is no one event
        await asyncio.sleep(_LOOK_SECONDS)
    return done()


def eventually(done: Callable[[], bool]) -> bool:
    """Whether it comes true in time, in another process or thread."""
    deadline = time.monotonic() + PATIENCE
    while not done() and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return done()


async def until(ask: Callable[[], Awaitable[T]], found: Callable[[T], bool]) -> T:
    """The first answer that is as it should be, or the last one that came in time."""
    deadline = time.monotonic() + PATIENCE
    while not found(answer := await ask()) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_SECONDS)
    return answer
