"""Token buckets: bursts pass, and a flood waits."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from graph.errors import Rejection

_REMEMBERED = 10_000


class Bucket:
    """`rate` tokens a second, and `burst` at once."""

    __slots__ = ("_burst", "_left", "_rate", "_since")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = self._left = burst
        self._since = now

    def take(self, number: float, now: float) -> float:
        """Take tokens; the seconds until there are as many where there are not, and then none are taken."""
        self._left = min(self._burst, self._left + (now - self._since) * self._rate)
        self._since = now
        if self._left < number:
            return (number - self._left) / self._rate
        self._left -= number
        return 0.0


class Throttle:
    """`rate` requests a second for each key, and `burst` at once; a rate of 0 lets everything pass.

    Buckets belong to one process. The least lately used are forgotten beyond ten thousand callers, which
    can only let somebody pass earlier.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, key: str) -> None:
        """Take one token from the caller's bucket; raises `Rejection` with when to come again."""
        if not self._rate:
            return
        now = self._clock()
        bucket = self._buckets.setdefault(key, Bucket(self._rate, self._burst, now))
        self._buckets.move_to_end(key)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        seconds = bucket.take(1, now)
        if seconds:
            wait = math.ceil(seconds)
            raise Rejection.of(
                f"That is more than {self._rate:g} requests a second; try again in {wait} s.",
                "RATE_LIMITED",
                headers={"retry-after": str(wait)},
            )
