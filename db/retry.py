"""Which failures are tried again: the whole transaction, a few times, with growing and random pauses."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from db.errors import Contended, Unavailable

T = TypeVar("T")

ATTEMPTS = 4
FIRST_PAUSE = 0.02


async def retried(work: Callable[[], Awaitable[T]], *, repeatable: bool) -> T:
    """Do `work`, again where it lost a deadlock or a serialization race.

    `repeatable` work is also tried again where the connection was lost: whether it had been committed then
    is unknown, so this is only for work that finds its own earlier outcome.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return await work()
        except Contended:
            pass
        except Unavailable:
            if not repeatable:
                raise
        await asyncio.sleep(FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5))
    return await work()
