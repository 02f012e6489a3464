"""How following ends: by leaving, by losing the right to it, by a limit; and what is left: nothing."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import orjson
import pytest
from websockets.exceptions import ConnectionClosed

from db.engine import Database
from db.writes.tokens import revoke_token
from db.writes.write import Write as Circumstances
from graph.auth import tokens
from graph.auth.tokens import parse
from graph.http import events, sockets
from graph.live.streams import Stream
from tests.clocks import TOMORROW, DayPasses
from tests.factories import Factory
from tests.http.frames import message, raw_socket
from tests.http.raw import connect, head
from tests.live.conftest import Live, Serve, Write
from tests.live.documents import FEEDS, LOGS
from tests.live.follower import connected
from tests.live.sse import Events, streamed
from tests.patience import PATIENCE, settled

REACH = "{ executions { totalCount } }"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is open is looked after often, and nothing is remembered."""
    monkeypatch.setattr(sockets, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(events, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(tokens, "REMEMBERED_SECONDS", 0.0)


async def vanish_from_socket(live: Live, key: str, chance: random.Random) -> None:
    """Follow, wait a little or not at all, and break off."""
    async with connected(live.url) as follower:
        await follower.subscribe(LOGS, id=key)
        await asyncio.sleep(chance.choice([0, 0, 0.001, 0.01, 0.05]))
        follower.socket.transport.abort()


async def vanish_from_events(live: Live, key: str, chance: random.Random) -> None:
    """The same with server-sent events."""
    _, writer = await connect(live.url)
    body = orjson.dumps({"query": LOGS, "variables": {"id": key}})
    writer.write(head(live.url, accept="text/event-stream", content_length=str(len(body))) + body)
    await asyncio.sleep(chance.choice([0.001, 0.01, 0.05]))
    writer.transport.abort()


@pytest.mark.slow
async def test_a_thousand_who_break_off_leave_nothing(serve: Serve, execution_id: str, write: Write) -> None:
    live, chance = await serve(socket_init_timeout=PATIENCE), random.Random(7)
    await write(FEEDS["logs"], 1, 50)
    before, room = len(asyncio.all_tasks()), asyncio.Semaphore(50)

    async def one(way: Callable[[Live, str, random.Random], Awaitable[None]]) -> None:
        async with room:
            await way(live, execution_id, chance)

    ways = [vanish_from_events if at % 5 == 0 else vanish_from_socket for at in range(1_000)]
    await asyncio.gather(*map(one, ways))
    assert await live.forgotten()
    assert await settled(lambda: len(asyncio.all_tasks()) <= before)
    assert (live.tailer._streams, await live.client.ask(REACH)) == ({}, {"executions": {"totalCount": 1}})


async def test_completing_stops_it_and_leaves_the_socket(live: Live, execution_id: str) -> None:
    async with live.follow(LOGS, id=execution_id) as follower:
        await follower.say({"type": "complete", "id": "1"})
        assert await live.forgotten()
        await follower.subscribe("{ __typename }", name="1")
        assert (await follower.message())["payload"] == {"data": {"__typename": "Query"}}


async def last_code(sse: Events) -> str:
    """The code of the error that an event stream ends with; `complete` must not follow."""
    code = ""
    while (event := await sse.event())[0] == "next":
        code = event[1]["errors"][0]["extensions"]["code"] if "errors" in event[1] else ""
    return code if event == ("", None) else event[0]


async def ended_by(live: Live, token: str, key: str, end: Awaitable[object]) -> tuple[int | None, str]:
    """How a socket and an event stream of a token end, busy as they are."""
    async with live.follow(LOGS, token, id=key) as follower, streamed(live.url, LOGS, token, id=key) as sse:
        await end
        await follower.socket.wait_closed()
        return follower.socket.close_code, await last_code(sse)


@pytest.mark.usefixtures("quick")
async def test_a_revoked_token_ends_it(
    serve: Serve, make: Factory, execution_id: str, database: Database
) -> None:
    token = await make.token()
    end = revoke_token(database, Circumstances("test", b""), parse(token)[0])
    assert await ended_by(await serve(), token, execution_id, end) == (4403, "UNAUTHENTICATED")


@pytest.mark.usefixtures("quick")
async def test_an_expired_token_ends_it(
    serve: Serve, make: Factory, execution_id: str, day_passes: DayPasses
) -> None:
    token = await make.token(expires_at=TOMORROW)
    assert await ended_by(await serve(), token, execution_id, day_passes()) == (4403, "UNAUTHENTICATED")


@pytest.mark.usefixtures("quick")
async def test_a_busy_event_stream_ends_with_its_token(
    serve: Serve, make: Factory, execution_id: str, write: Write, day_passes: DayPasses
) -> None:
    live, token = await serve(), await make.token(expires_at=TOMORROW)
    async with streamed(live.url, LOGS, token, id=execution_id) as sse:
        for seq in range(1, 1_000):
            await write(FEEDS["logs"], seq, seq)
            if seq == 5:
                await day_passes()
            if "errors" in (await sse.event())[1]:
                break
    assert 5 <= seq < 999


async def test_an_unread_socket_keeps_no_other_from_ending(
    serve: Serve, make: Factory, day_passes: DayPasses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(sockets, "_SWEEP_TIMEOUT", 600.0)
    live = await serve(heartbeat=0.01, max_socket_message_bytes=2**24)
    async with raw_socket(live.url, await make.token()) as unread:
        # The answer is more than the kernel takes.
        unread.writer.write(message(type="ping", payload={"x": "x" * 10_000_000}))
        async with connected(live.url, await make.token(expires_at=TOMORROW)) as follower:
            await day_passes()
            with suppress(ConnectionClosed):
                while True:
                    await follower.message()
    assert follower.socket.close_code == 4403


def broken(stream: Stream, *arguments: object) -> None:
    """What a bug would do."""
    raise RuntimeError("broken")


async def test_an_error_that_nobody_expected_is_an_answer(
    live: Live, execution_id: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        streamed(live.url, LOGS, id=execution_id) as sse,
        live.follow(LOGS, id=execution_id) as follower,
    ):
        monkeypatch.setattr(Stream, "after", broken)
        await live.client.done("appendLogs", executionId=execution_id, entries=[{"message": "x"}])
        codes = await last_code(sse), await follower.ended()
    assert codes == ("INTERNAL_SERVER_ERROR", "INTERNAL_SERVER_ERROR")


async def test_a_socket_has_room_for_so_many(serve: Serve, execution_id: str) -> None:
    live = await serve(max_socket_operations=2)
    async with connected(live.url) as follower:
        for name in "abc":
            await follower.subscribe(LOGS, name, id=execution_id)
        assert await follower.ended() == "RATE_LIMITED"


async def test_a_caller_has_room_for_so_many(serve: Serve, execution_id: str) -> None:
    live = await serve(max_caller_subscriptions=2)
    async with connected(live.url) as one, connected(live.url) as other:
        for name in "ab":
            await one.subscribe(LOGS, name, id=execution_id)
        assert await settled(lambda: live.tailer.followers == 2)
        await other.subscribe(LOGS, id=execution_id)
        assert await other.ended() == "RATE_LIMITED"


async def test_many_at_once_do_not_pass_the_limit(serve: Serve, execution_id: str) -> None:
    live = await serve(max_caller_subscriptions=2)
    async with connected(live.url) as follower:
        for at in range(10):
            await follower.subscribe(LOGS, str(at), id=execution_id)
        messages = [await follower.message() for _ in range(8)]
    assert {message["payload"][0]["extensions"]["code"] for message in messages} == {"RATE_LIMITED"}


async def test_who_leaves_makes_room(serve: Serve, execution_id: str) -> None:
    live = await serve(max_caller_subscriptions=1)
    for _ in range(3):
        async with live.follow(LOGS, id=execution_id):
            pass
        assert await live.forgotten()


@pytest.mark.usefixtures("quick")
async def test_silence_is_broken_by_the_lag(serve: Serve, execution_id: str) -> None:
    live = await serve(heartbeat=0.2)
    async with live.follow(LOGS, id=execution_id) as follower:
        message = await follower.message()
    assert (message["type"], 0 <= message["payload"]["lag"] < PATIENCE) == ("ping", True)


async def test_silence_of_events_is_broken_by_the_lag(serve: Serve, execution_id: str) -> None:
    live = await serve(heartbeat=0.2)
    async with streamed(live.url, LOGS, id=execution_id) as sse:
        comments = [(await sse.block())[1] for _ in range(2)]
    assert 0 <= float(comments[1].removeprefix("lag ").split()[0]) < PATIENCE


_CUT = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()
    AND query LIKE '%log_seq FROM executions WHERE id = ANY%' AND pid <> pg_backend_pid()"""


async def cut(database: Database) -> int:
    """Cut the connections that ask what was appended, once there are any; how many they were."""
    async with asyncio.timeout(PATIENCE), database.reading() as connection:
        while not (found := await connection.fetchval(_CUT)):  # noqa: ASYNC110 - it comes about in the server
            await asyncio.sleep(0.05)
    return int(found)


async def test_followers_outlive_their_connection(
    live: Live, execution_id: str, write: Write, database: Database
) -> None:
    async with live.follow(LOGS, id=execution_id) as follower:
        for at in range(1, 4):
            assert await cut(database) == 1
            await write(FEEDS["logs"], at, at)
            assert await follower.seqs(1) == [at]
