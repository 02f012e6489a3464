"""How often the system is called for an answer."""

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.client import Client


@pytest.fixture
def writes(client: Client, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the server hands to the system, a call each."""
    seen: list[bytes] = []
    server = urlsplit(client.url)

    def noting(name: str, as_bytes: Any) -> None:
        original = getattr(socket.socket, name)

        def send(own: socket.socket, data: Any, *more: Any) -> int:
            if own.getsockname() == (server.hostname, server.port):
                seen.append(as_bytes(data))
            sent: int = original(own, data, *more)
            return sent

        monkeypatch.setattr(socket.socket, name, send)

    noting("send", bytes)
    noting("sendmsg", b"".join)
    return seen


@pytest.mark.parametrize("number", [1, 3])
async def test_an_answer_is_one_write(client: Client, writes: list[bytes], number: int) -> None:
    for _ in range(number):
        await client.ask("{ __typename }")
    assert [write.split(b"\r\n\r\n")[1] for write in writes] == [b'{"data":{"__typename":"Query"}}'] * number
