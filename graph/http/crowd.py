"""How many connections a process has open, in all and from each address.

Each costs a descriptor and some memory before anybody knows who is at its other end. Without descriptors
nobody could connect any more, and nothing would say why.
"""

import logging
import resource
import time
from collections import Counter
from dataclasses import dataclass

logger = logging.getLogger("flowkeep.http")

# For the listener, the database's connections, files, and the connections that are told to come later.
_OTHER_DESCRIPTORS = 200
_MOST_LINGERING = 100
_WARNING_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Turned:
    """Why a connection is not taken: the status, the code and a sentence."""

    status: int
    code: str
    message: str


def room_for(wanted: int, others: int) -> int:
    """How many connections the system allows beside `others` open files; raises what is allowed if it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + others + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < needed:
        raised = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        if raised < needed:
            room = max(1, raised - others - _OTHER_DESCRIPTORS)
            logger.warning(
                "The system allows %s open files: this process takes %s connections, not %s.",
                raised,
                room,
                wanted,
            )
            return room
    return wanted


class Crowd:
    """The connections that are open."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._open: Counter[str] = Counter()
        self._warned_at = -_WARNING_SECONDS
        self.lingering = 0

    def __len__(self) -> int:
        return self._open.total()

    def enter(self, address: str) -> Turned | None:
        """Count a connection in; why not, where there is no room for it."""
        if len(self) >= self._most:
            return self._turn(Turned(503, "UNAVAILABLE", f"This server has {self._most} connections open."))
        if self._open[address] >= self._most_of_one:
            return self._turn(
                Turned(429, "RATE_LIMITED", f"{address} has {self._most_of_one} connections open.")
            )
        self._open[address] += 1
        return None

    def leave(self, address: str) -> None:
        """Count it out again."""
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]

    @property
    def may_linger(self) -> bool:
        """Whether one more connection that was turned away may stay for its answer to be read."""
        return self.lingering < _MOST_LINGERING

    def _turn(self, why: Turned) -> Turned:
        now = time.monotonic()
        if now - self._warned_at >= _WARNING_SECONDS:
            self._warned_at = now
            logger.warning("Connections are turned away: %s", why.message)
        return why
