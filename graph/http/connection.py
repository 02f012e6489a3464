"""One HTTP connection, bounded in all that a client can make grow before anybody has looked at its request.

uvicorn's protocol has no bound on the lines before and after a body, and waits for ever for the first of
them. Here they have room for `max_header_bytes`, and time: the lines before a body `header_timeout` from the
first byte (for the first request of a connection, from its beginning), and a connection is idle for
`idle_timeout` at most. When the server stops, a connection whose first request is on its way waits for it.
What comes after a body belongs to no request, and is dropped. A request that is
answered before its body has come ends its connection.
"""

import asyncio
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from graph.http.crowd import Turned
from graph.http.door import Config
from graph.http.joined import Joined

_MOST_HEADERS = 200
_MOST_PIPELINED = 100
_LINGERING_SECONDS = 1.0
# Between the making of a connection and its first request, on a busy machine.
_FIRST_SECONDS = 1.0
_LINGERING_BYTES = 2**18
_NOT_HTTP = Turned(400, "BAD_USER_INPUT", "This is no HTTP that can be read.")


class TooLarge(Exception):
    """The lines before or after a body are more than there is room for; stops the parser."""


class HttpConnection(HttpToolsProtocol):
    """What uvicorn makes for each connection."""

    config: Config

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._door = config.door
        self._counted = False
        self._lingers = False
        self._deadline: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head_bytes = 0
        self._head_lines = 0
        # Bytes that came since the parser last told of something: one line of them may be endless.
        self._untold = 0
        self._keep_alive = False
        self._is_last = False

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or turn it away."""
        super().connection_made(transport)
        turned = self._door.crowd.enter(self._address)
        self._counted = turned is None
        if turned is None:
            self._expect_head()
        elif self._door.crowd.may_linger:
            self._refuse(turned)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it out."""
        super().connection_lost(exc)
        self._stop_waiting()
        self._door.backlog.resumed(self.transport)
        if self._counted:
            self._door.crowd.leave(self._address)
        if self._lingers:
            self._door.crowd.lingering -= 1

    def data_received(self, data: bytes) -> None:
        """Parse it, as long as there is room for what it becomes."""
        self._untold += len(data)
        if self._lingers:
            if self._untold > _LINGERING_BYTES:
                self.flow.pause_reading()
            return
        super().data_received(data)
        if self._lingers or self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self._untold > self._door.max_header_bytes:
            self._refuse(self._too_large())
        elif self._has_begun and self._deadline is None and not self._is_busy:
            self._expect_head()

    def handle_websocket_upgrade(self) -> None:
        """From here on another protocol has the connection."""
        self._stop_waiting()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._head_lines = 0

    def on_url(self, url: bytes) -> None:
        """A part of its address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line before its body, or after it."""
        self._head_lines += 1
        self._count(len(name) + len(value))
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """All that comes before its body."""
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise TooLarge
        self._in_head = False
        self._untold = 0
        self._stop_waiting()
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.transport = Joined(self.transport, self.loop)
            self._keep_alive, self.cycle.keep_alive = self.cycle.keep_alive and not self._is_last, False

    def on_body(self, body: bytes) -> None:
        """A part of its body."""
        self._untold = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it."""
        self._untold = 0
        super().on_message_complete()
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = self._keep_alive

    def on_response_complete(self) -> None:
        """An answer is out; of the next request there may be something already."""
        super().on_response_complete()
        if self._has_begun and not self._is_busy and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self._stop_waiting()
            self._expect_head()

    def shutdown(self) -> None:
        """The server stops: close what is idle. A request that is coming is answered, and is the last."""
        if not self._lingers and (self.cycle is None or (self._has_begun and not self._is_busy)):
            self._is_last = True
            self.loop.call_later(_FIRST_SECONDS, super().shutdown)
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """The client does not keep up with what it is sent."""
        super().pause_writing()
        self._door.backlog.paused(self.transport)

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        self._door.backlog.resumed(self.transport)

    def send_400_response(self, msg: str) -> None:
        """The parser stopped: at what is no HTTP, or at what there is no room for."""
        is_too_large = self._head_is_too_large or len(self.pipeline) >= _MOST_PIPELINED
        self._refuse(self._too_large() if is_too_large else _NOT_HTTP)

    @property
    def _has_begun(self) -> bool:
        """Whether something of a request's head is there, and its end is not."""
        return self._in_head or self._untold > 0

    @property
    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _head_is_too_large(self) -> bool:
        return self._head_bytes > self._door.max_header_bytes or self._head_lines > _MOST_HEADERS

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_is_too_large:
            raise TooLarge

    def _too_large(self) -> Turned:
        most = self._door.max_header_bytes
        return Turned(
            431,
            "TOO_LARGE",
            f"A request's address and header lines have room for {most} bytes and {_MOST_HEADERS} lines.",
        )

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(self._door.header_timeout, self._late)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if self._is_busy:
            self._expect_head()
        elif self._has_begun:
            seconds = self._door.header_timeout
            self._refuse(Turned(408, "TIMEOUT", f"The headers did not arrive within {seconds:g} seconds."))
        else:
            self.transport.close()

    def _refuse(self, why: Turned) -> None:
        """Say why, and close; what still comes is not looked at."""
        self._stop_waiting()
        self._unset_keepalive_if_required()
        if self._is_busy:
            # An answer may be on its way, into which another can't be put.
            self.transport.abort()
            return
        self._lingers = True
        self._untold = 0
        self._door.crowd.lingering += 1
        self.transport.write(_answer(why))
        # Closed at once, the kernel would throw away what the client has not read yet.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGERING_SECONDS, self.transport.abort)


def _answer(why: Turned) -> bytes:
    body = orjson.dumps({"errors": [{"message": why.message, "extensions": {"code": why.code}}]})
    return b"".join(
        [
            STATUS_LINE[why.status],
            b"content-type: application/json; charset=utf-8\r\n",
            b"content-length: %d\r\n" % len(body),
            b"retry-after: 1\r\n" if why.status in (429, 503) else b"",
            b"connection: close\r\n\r\n",
            body,
        ]
    )
