"""What waits to be sent to clients that read slower than they are answered."""

import asyncio
import logging

logger = logging.getLogger("flowkeep.http")

_SLOWEST_BYTES_A_SECOND = 1_000


class Backlog:
    """The connections whose clients read slower than they are answered.

    One that has read next to nothing for `seconds` is cut off. Where more than `most_bytes` wait over all of
    them, the one that has waited for its reader the longest goes first.
    """

    def __init__(self, most_bytes: int, seconds: float) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._waiting: dict[asyncio.Transport, asyncio.TimerHandle] = {}

    @property
    def waiting_bytes(self) -> int:
        """How much waits to be sent over connections that are full."""
        return sum(transport.get_write_buffer_size() for transport in self._waiting)

    def paused(self, transport: asyncio.Transport) -> None:
        """Its client does not keep up."""
        self.resumed(transport)
        self._watch(transport)
        while len(self._waiting) > 1 and self.waiting_bytes > self._most_bytes:
            self._cut(next(iter(self._waiting)))

    def resumed(self, transport: asyncio.Transport) -> None:
        """Its client has caught up, or gone."""
        timer = self._waiting.pop(transport, None)
        if timer is not None:
            timer.cancel()

    def _watch(self, transport: asyncio.Transport) -> None:
        left = transport.get_write_buffer_size()
        loop = asyncio.get_running_loop()
        self._waiting[transport] = loop.call_later(self._seconds, self._look, transport, left)

    def _look(self, transport: asyncio.Transport, left: int) -> None:
        read = left - transport.get_write_buffer_size()
        if read < _SLOWEST_BYTES_A_SECOND * self._seconds:
            self._cut(transport)
        else:
            self._watch(transport)

    def _cut(self, transport: asyncio.Transport) -> None:
        self.resumed(transport)
        logger.info(
            "A client that does not read is cut off; %s bytes waited for it.",
            transport.get_write_buffer_size(),
        )
        transport.abort()
