"""What a connection may cost before anybody has looked at its request: room, time and number."""

import asyncio
import logging
import resource
from asyncio import StreamWriter
from collections.abc import Awaitable, Callable

import pytest

from graph.http.crowd import room_for
from tests.client import Client
from tests.http.conftest import Serve
from tests.http.frames import raw_socket
from tests.http.raw import HEALTH, Answer, answer, connect, exchange, head
from tests.patience import PATIENCE

LINE = b"x-abc: d\r\n"
CHUNKED = {"transfer_encoding": "chunked", "connection": "keep-alive"}
# What is sent again and again after a beginning, none of which ever becomes a request.
ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "header lines": (b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n", LINE * 5_000),
    "one header line": (b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a: ", b"a" * 50_000),
    "an address": (b"GET /livez?", b"a" * 50_000),
    "what comes before a request": (b"", b"\r\n" * 25_000),
    "a chunk's extension": (b"2;x=", b"a" * 50_000),
    "trailer lines": (b"2\r\n{}\r\n0\r\n", LINE * 5_000),
}
_POURED = 60_000_000


async def pour(writer: StreamWriter, data: bytes, most: int) -> int:
    """Send the same again and again until the server has had enough; how many bytes it took."""
    sent = 0
    while sent < most and not writer.is_closing():
        writer.write(data)
        sent += len(data)
        try:
            await writer.drain()
        except ConnectionError:
            break
    return sent


@pytest.mark.parametrize("name", ENDLESS)
async def test_lines_without_end_are_cut(client: Client, name: str) -> None:
    first, again = ENDLESS[name]
    _, writer = await connect(client.url)
    writer.write((head(client.url, **CHUNKED) if first[:1] == b"2" else b"") + first)
    sent = await pour(writer, again, _POURED)
    writer.transport.abort()
    assert sent < _POURED / 4


async def too_large(url: str, **headers: str) -> Answer:
    """The answer to a request with more header lines."""
    return await exchange(url, head(url, content_length=str(len(HEALTH)), **headers) + HEALTH)


async def test_more_header_bytes_than_there_is_room_for_are_431(serve: Serve) -> None:
    url = (await serve(max_header_bytes=4096)).url
    answers = [await too_large(url, x_a="a" * size) for size in (3_500, 4_096)]
    assert [found.status for found in answers] == [200, 431]
    assert (answers[1].code, "4096 bytes" in answers[1].body.decode()) == ("TOO_LARGE", True)


async def test_too_many_header_lines_are_431(client: Client) -> None:
    answers = [await too_large(client.url, **{f"x{at}": "a" for at in range(size)}) for size in (190, 200)]
    assert [found.status for found in answers] == [200, 431]


async def test_a_socket_s_handshake_has_no_more_room(client: Client) -> None:
    found = await exchange(
        client.url, head(client.url, "GET", upgrade="websocket", connection="upgrade", x_a="a" * 70_000)
    )
    assert found.status == 431


async def test_trailers_belong_to_no_request(serve: Serve) -> None:
    url = (await serve(auth="required")).url
    body = b"%x\r\n%b\r\n0\r\nauthorization: Bearer x\r\n\r\n" % (len(HEALTH), HEALTH)
    found = await exchange(url, head(url, transfer_encoding="chunked") + body)
    assert (found.status, "Who asks" in found.body.decode()) == (401, True)


async def test_an_answer_before_the_body_ends_the_connection(serve: Serve) -> None:
    url = (await serve(auth="required")).url
    reader, writer = await connect(url)
    writer.write(head(url, connection="keep-alive", content_length="1000") + b"{")
    found = await answer(reader, writer)
    assert (found.status, found.headers["connection"]) == (401, "close")


async def heard(url: str, sent: bytes, drip: bytes = b"") -> bytes:
    """All that the server says until it closes, to bytes after which one more comes now and then."""
    reader, writer = await connect(url)
    writer.write(sent)
    found = asyncio.create_task(reader.read(-1))
    while not (await asyncio.wait({found}, timeout=0.05))[0]:
        writer.write(drip)
    writer.close()
    return found.result()


async def until(ask: Callable[[], Awaitable[Answer]], right: Callable[[Answer], bool]) -> Answer:
    """The first answer that is right."""
    async with asyncio.timeout(PATIENCE):
        while not right(found := await ask()):  # noqa: ASYNC110 - what comes about is an answer
            await asyncio.sleep(0.02)
    return found


@pytest.mark.parametrize("half", [b"", b"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a: a"])
async def test_headers_that_do_not_come_end_the_connection(serve: Serve, half: bytes) -> None:
    said = await heard((await serve(header_timeout=0.3)).url, half)
    assert said.startswith(b"HTTP/1.1 408 ") if half else said == b""


async def test_dripping_headers_gain_no_time(serve: Serve) -> None:
    begun = b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a: a"
    said = await heard((await serve(header_timeout=0.3)).url, begun, b"a")
    assert said.startswith(b"HTTP/1.1 408 ")


async def test_headers_of_a_second_request_have_the_same_time(serve: Serve) -> None:
    url = (await serve(header_timeout=0.3)).url
    assert b"HTTP/1.1 408 " in await heard(url, head(url, "GET", connection="keep-alive") + b"GET / HT")


async def test_an_idle_connection_ends(serve: Serve) -> None:
    url = (await serve(idle_timeout=1, header_timeout=60.0)).url
    said = await heard(url, head(url, "GET", connection="keep-alive"))
    assert (said.count(b"HTTP/1.1"), b"keep-alive" in said) == (1, False)


@pytest.mark.parametrize(
    ("limit", "status", "code"),
    [("max_connections", 503, "UNAVAILABLE"), ("max_address_connections", 429, "RATE_LIMITED")],
)
async def test_more_connections_are_told_so_until_one_goes(
    serve_anew: Serve, limit: str, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = (await serve_anew(**{limit: 3})).url
    open_ = [await connect(url) for _ in range(3)]
    with caplog.at_level(logging.WARNING, "flowkeep.http"):
        answers = [await answer(*await connect(url)) for _ in range(3)]
    assert {(found.status, found.code) for found in answers} == {(status, code)}
    assert len(caplog.records) == 1
    for _, writer in open_:
        writer.close()
        await writer.wait_closed()
    assert (await exchange(url, head(url, "GET", x_a="b"))).status == 400


async def test_sockets_are_connections_too(serve_anew: Serve) -> None:
    client = await serve_anew(max_connections=2)
    async with raw_socket(client.url), raw_socket(client.url):
        turned = await answer(*await connect(client.url))
    assert turned.status == 503
    asked = head(client.url, "GET")
    assert (await until(lambda: exchange(client.url, asked), lambda found: found.status != 503)).status < 500


def test_the_system_s_limit_is_raised_or_kept_to(caplog: pytest.LogCaptureFixture) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
        assert (room_for(1_000, 10), resource.getrlimit(resource.RLIMIT_NOFILE)[0]) == (1_000, 1_210)
        assert room_for(before[1], 10) == before[1] - 210
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert "takes" in caplog.text
