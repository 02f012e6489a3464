"""One WebSocket's frames, bounded in number and size before any of them is looked at.

To the library that reads them, frames without content are free, and so are the parts of a message and the
control frames that no application sees; reading them takes the process's time all the same. Who sends more
than the rates allow is closed with 1008. What comes is read a little at a time, and no further than the
application has come, so that one socket's flood keeps nobody else waiting.
"""

import asyncio
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame

from graph.http.door import Config
from graph.throttle import Bucket

_PIECE_BYTES = 4096
_POLICY_VIOLATION = 1008
_LINGERING_SECONDS = 1.0
_LINGERING_BYTES = 2**18
_CLOSING_SECONDS = 2.0


class SocketConnection(WebSocketsSansIOProtocol):
    """What an HTTP connection becomes."""

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
        self.close_timeout = _CLOSING_SECONDS
        now = self.loop.time()
        self._frames_allowed = Bucket(self._door.frame_rate, self._door.frame_rate, now)
        # A message of the largest size may come at once.
        burst = max(self._door.byte_rate, 2 * config.ws_max_size)
        self._bytes_allowed = Bucket(self._door.byte_rate, burst, now)
        self._unread = bytearray()
        self._cut_off = False
        self._dropped = 0

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection out."""
        self._unread.clear()
        super().connection_lost(exc)
        self._door.backlog.resumed(self.transport)
        self._door.crowd.leave(self.client[0] if self.client else "")

    def pause_writing(self) -> None:
        """The client does not keep up with what it is sent."""
        super().pause_writing()
        self._door.backlog.paused(self.transport)

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        self._door.backlog.resumed(self.transport)

    def data_received(self, data: bytes) -> None:
        """Read frames, up to the next message that the application has to see first."""
        if self._cut_off:
            self._dropped += len(data)
            if self._dropped > _LINGERING_BYTES:
                self.transport.pause_reading()
            return
        if self._bytes_allowed.take(len(data), self.loop.time()):
            self._cut(f"More than {self._door.byte_rate} bytes a second")
            return
        self._unread += data
        self._read()

    def handle_events(self) -> None:
        """Count the frames, then hand them on."""
        if self._frames_allowed.take(len(self.conn.events), self.loop.time()):
            self._cut(f"More than {self._door.frame_rate} frames a second")
        else:
            super().handle_events()

    def handle_cont(self, event: Frame) -> None:
        """A further part of a message."""
        if len(self.frames) >= self._door.max_fragments:
            self._cut(f"A message in more than {self._door.max_fragments} frames")
        else:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answer it, unless earlier answers wait to be read: only the latest ping needs one."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_parser_exception(self) -> None:
        """Close for what is no frame, or no handshake."""
        if self.conn.close_sent is None:
            self.transport.close()
        else:
            super().handle_parser_exception()

    async def receive(self) -> ASGIReceiveEvent:
        """The application's next message; what came with it is read before anything else is."""
        if self._unread:
            await asyncio.sleep(0)  # others come first
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._read()
            if not self.read_paused:
                self.transport.resume_reading()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message once there is room for it; who leaves no room is not waited for to be closed."""
        if message["type"] == "websocket.close" and not self.writable.is_set():
            try:
                async with asyncio.timeout(_CLOSING_SECONDS):
                    await self.writable.wait()
            except TimeoutError:
                self.transport.abort()
        await super().send(message)

    def _read(self) -> None:
        while self._unread and not self.read_paused and not self._cut_off:
            piece = bytes(self._unread[:_PIECE_BYTES])
            del self._unread[:_PIECE_BYTES]
            super().data_received(piece)

    def _cut(self, reason: str) -> None:
        self._cut_off = True
        self._unread.clear()
        self.frames = []
        if self.close_sent or not self.writable.is_set():
            self.transport.abort()
            return
        self.conn.fail(_POLICY_VIOLATION, reason)
        self.queue.put_nowait({"type": "websocket.disconnect", "code": _POLICY_VIOLATION, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        # Closed at once, the kernel would throw away what the client has not read yet.
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(_LINGERING_SECONDS, self.transport.abort)
