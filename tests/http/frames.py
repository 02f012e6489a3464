"""WebSockets as frames, for what no client would send, and for clients that don't read."""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.http.raw import head
from tests.patience import PATIENCE

TEXT, CONTINUATION, CLOSE, PING, PONG = 1, 0, 8, 9, 10

_HANDSHAKE = {
    "content_type": "",
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec_websocket_key": "c29tZSBzaXh0ZWVuIGJ5dA==",
    "sec_websocket_version": "13",
    "sec_websocket_protocol": "graphql-transport-ws",
}


def frame(data: bytes, opcode: int = TEXT, *, final: bool = True) -> bytes:
    """A frame of a client, masked with zeros."""
    first = bytes([(0x80 if final else 0) | opcode])
    if len(data) < 126:
        length = bytes([0x80 | len(data)])
    elif len(data) < 1 << 16:
        length = struct.pack(">BH", 0xFE, len(data))
    else:
        length = struct.pack(">BQ", 0xFF, len(data))
    return first + length + bytes(4) + data


def message(**parts: Any) -> bytes:
    """The frame of a message of the protocol."""
    return frame(orjson.dumps(parts))


class RawSocket:
    """A WebSocket of which only what is asked for is read; the kernel keeps little of the rest."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def hear(self) -> tuple[int, bytes]:
        """The next frame: its opcode, and what it holds."""
        first, length = await self._reader.readexactly(2)
        if length == 126:
            (length,) = struct.unpack(">H", await self._reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await self._reader.readexactly(8))
        return first & 0x0F, await self._reader.readexactly(length)

    async def closed(self) -> int:
        """The code of the frame by which the server closes; 1006 where it just goes."""
        try:
            async with asyncio.timeout(PATIENCE):
                while (heard := await self.hear())[0] != CLOSE:
                    pass
        except (asyncio.IncompleteReadError, ConnectionError):
            return 1006
        return int.from_bytes(heard[1][:2])

    async def read_all(self, most: int) -> int:
        """Read until so many bytes have come, or the server is gone; how many came."""
        found = 0
        try:
            while found < most and (data := await self._reader.read(65_536)):
                found += len(data)
        except ConnectionError:
            pass
        return found

    async def pour(self, data: bytes, times: int) -> int:
        """Send the same again and again, each as soon as there is room; how often it came to that."""
        for sent in range(times):
            if self.writer.is_closing():
                return sent
            self.writer.write(data)
            try:
                await self.writer.drain()
            except ConnectionError:
                return sent
        return times


@asynccontextmanager
async def raw_socket(url: str, token: str | None = None, *, init: bool = True) -> AsyncIterator[RawSocket]:
    """A WebSocket that was let in, or with `init` False one that has said nothing yet."""
    parts = urlsplit(url)
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, (parts.hostname, parts.port))
    reader, writer = await asyncio.open_connection(sock=plain, limit=4096)
    try:
        writer.write(head(url, "GET", **_HANDSHAKE))
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        opened = RawSocket(reader, writer)
        if init:
            payload = {} if token is None else {"Authorization": f"Bearer {token}"}
            writer.write(message(type="connection_init", payload=payload))
            assert b"connection_ack" in (await opened.hear())[1]
        yield opened
    finally:
        writer.transport.abort()
