"""What one WebSocket may send, whether anybody knows who it is or not; and what waits for it."""

import asyncio

import pytest
from psutil import Process

from tests.client import Client
from tests.http.conftest import Serve
from tests.http.frames import CONTINUATION, PING, PONG, RawSocket, frame, message, raw_socket
from tests.patience import PATIENCE, settled

PIECE = 2_000
FLOODS: dict[str, tuple[bytes, bytes]] = {
    "parts without content": (frame(b"x", final=False), frame(b"", CONTINUATION, final=False)),
    "protocol pongs": (b"", frame(b"", PONG)),
    "protocol pings": (b"", frame(b"", PING)),
    "messages without content": (b"", frame(b"")),
    "pongs": (b"", message(type="pong")),
    "completions of nothing": (b"", message(type="complete", id="x")),
    "subscriptions": (b"", message(type="subscribe", id="1", payload={"query": "{ __typename }"})),
}


@pytest.mark.parametrize("init", [False, True], ids=["before init", "after init"])
@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_of_frames_is_cut(client: Client, name: str, init: bool) -> None:
    first, again = FLOODS[name]
    async with raw_socket(client.url, init=init) as socket:
        socket.writer.write(first)
        times = await socket.pour(again * PIECE, 5_000)
        assert (times < 1_000, await socket.closed() in (1006, 1008, 4400, 4401, 4429)) == (True, True)


async def test_a_message_in_too_many_parts_is_cut(serve: Serve) -> None:
    url = (await serve(max_socket_fragments=8)).url
    async with raw_socket(url) as socket:
        socket.writer.write(frame(b'{"type":"', final=False) + frame(b"", CONTINUATION, final=False) * 8)
        assert await socket.closed() == 1008


async def test_a_message_in_some_parts_is_whole(serve: Serve) -> None:
    url = (await serve(max_socket_fragments=8)).url
    async with raw_socket(url) as socket:
        parts = [b'{"type"', b":", b'"ping"', b"}"]
        socket.writer.write(frame(parts[0], final=False))
        for part in parts[1:]:
            socket.writer.write(frame(part, CONTINUATION, final=part == b"}"))
        assert b'"pong"' in (await socket.hear())[1]


async def test_frames_within_the_rate_are_answered(serve: Serve) -> None:
    url = (await serve(socket_frame_rate=50)).url
    async with raw_socket(url) as socket:
        socket.writer.write(message(type="ping") * 40)
        heard = [await socket.hear() for _ in range(40)]
        socket.writer.write(message(type="ping") * 100)
        assert (len(heard), await socket.closed()) == (40, 1008)


async def test_more_bytes_than_the_rate_are_cut(serve: Serve) -> None:
    url = (await serve(socket_byte_rate=2**20, max_socket_message_bytes=2**18)).url
    async with raw_socket(url) as socket:
        await socket.pour(message(type="pong", payload={"x": "x" * 200_000}), 200)
        assert await socket.closed() in (1006, 1008)


async def test_who_says_much_before_saying_who_it_is_is_cut(client: Client) -> None:
    async with raw_socket(client.url, init=False) as socket:
        socket.writer.write(message(type="ping") * 20)
        assert await socket.closed() == 4429


async def test_a_slow_flood_gains_no_time_to_say_who_it_is(serve: Serve) -> None:
    url = (await serve(socket_init_timeout=0.3)).url
    async with raw_socket(url, init=False) as socket:
        ended = asyncio.create_task(socket.closed())
        while not (await asyncio.wait({ended}, timeout=0.01))[0]:
            socket.writer.write(frame(b"", PONG) * 2)
        assert ended.result() == 4408


UNREAD: dict[str, bytes] = {
    "subscriptions": message(
        type="subscribe", id="1", payload={"query": "{ __schema { types { name fields { description } } } }"}
    ),
    "pings": message(type="ping", payload={"x": "x" * 50_000}),
    "protocol pings": frame(b"x" * 100, PING),
}


@pytest.mark.parametrize("name", UNREAD)
async def test_who_does_not_read_is_not_read_either(serve: Serve, name: str) -> None:
    """Without limits on rates: what holds is that nothing more is read until what was answered is."""
    url = (await serve(socket_frame_rate=10**9, socket_byte_rate=2**40, rate_limit=0)).url
    before = Process().memory_info().rss
    async with raw_socket(url) as socket:
        blocked = asyncio.create_task(pour_with_ids(socket, UNREAD[name]))
        await asyncio.sleep(2)
        grown = Process().memory_info().rss - before
        socket.writer.transport.abort()
        sent = await blocked
    assert (sent < 200_000_000, grown < 60_000_000) == (True, True)


async def pour_with_ids(socket: RawSocket, data: bytes) -> int:
    """Pour so that each operation has a name of its own; how many bytes were taken."""
    sent = 0
    for at in range(100_000):
        piece = data.replace(b'"id":"1"', b'"id":"%d"' % at)
        if await socket.pour(piece, 1) == 0:
            break
        sent += len(piece)
    return sent


@pytest.mark.parametrize("reads", [False, True])
async def test_who_does_not_read_in_time_is_cut_off(
    serve: Serve, reads: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "flowkeep.http")
    url = (await serve(write_timeout=0.5, max_socket_message_bytes=2**24)).url
    async with raw_socket(url) as socket:
        socket.writer.write(message(type="ping", payload={"x": "x" * 12_000_000}))
        assert reads or await settled(lambda: "cut off" in caplog.text)
        heard = await asyncio.wait_for(socket.read_all(12_000_000), PATIENCE)
    assert (heard >= 12_000_000) is reads
