"""A token bucket for each caller: bursts pass, and a flood waits."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from graph.errors import Rejection

_REMEMBERED = 10_000


class Throttle:
    """`rate` requests a second for each key, and `burst` at once; a rate of 0 lets everything pass.

    Buckets belong to one process. The least lately used are forgotten beyond ten thousand callers, which
    can only let somebody pass earlier.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> None:
        """Take one token from the caller's bucket; raises `Rejection` with when to come again."""
        if not self._rate:
            return
        now = self._clock()
        left, since = self._buckets.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        if left < 1:
            self._buckets[key] = left, now
            wait = math.ceil((1 - left) / self._rate)
            raise Rejection.of(
                f"That is more than {self._rate:g} requests a second; try again in {wait} s.",
                "RATE_LIMITED",
                headers={"retry-after": str(wait)},
            )
        self._buckets[key] = left - 1, now
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
