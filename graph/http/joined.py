"""Answers in one write.

uvicorn writes the lines before a body on their own. Each write is a call of the system's, and the first one
wakes a client for an answer that has only begun.
"""

import asyncio


class Joined(asyncio.Transport):
    """A connection's transport for one answer: the lines before its body go with the beginning of it.

    Where no body follows at once, as of a stream that has nothing to say yet, they go by themselves.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._has_begun = False
        self._head: bytes | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send it: what comes first, at the latest when the loop's next turn begins."""
        if not self._has_begun:
            self._has_begun = True
            self._head = bytes(data)
            self._loop.call_soon(self._flush)
        elif self._head is not None:
            head, self._head = self._head, None
            self._transport.writelines((head, data))
        else:
            self._transport.write(data)

    def _flush(self) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.write(head)

    def close(self) -> None:
        """Send what there is, and close."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._transport.is_closing()
