"""What many followers of one feed cost: one read, one encoding, and no memory for the slow."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from db.errors import Unavailable
from db.queries.feeds import fetch_heads
from graph.execution import encoding
from graph.execution.plan import Answered
from graph.live import tailer
from graph.live.feeds import ExecutionFeed, News
from tests.conftest import Statements
from tests.factories import Factory
from tests.live.conftest import Live, Serve, Write
from tests.live.documents import EVENTS, FEEDS, LOGS
from tests.live.follower import Follower, connected
from tests.patience import settled

NESTED = """subscription ($id: ID!, $first: Int = 1) { executionLogs(executionId: $id) {
  entry { seq step { logs(first: $first) { nodes { seq } } } } } }"""


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was encoded, once for each time."""
    answers: list[object] = []
    text = encoding._text

    def noted(answered: Answered, position: str | None) -> str:
        answers.append(answered)
        return text(answered, position)

    monkeypatch.setattr(encoding, "_text", noted)
    return answers


@asynccontextmanager
async def crowd(live: Live, number: int, document: str, **variables: Any) -> AsyncIterator[list[Follower]]:
    """Many followers of the same."""
    async with AsyncExitStack() as stack:
        followers = [await stack.enter_async_context(connected(live.url)) for _ in range(number)]
        for follower in followers:
            await follower.subscribe(document, **variables)
        assert await settled(lambda: live.tailer.followers == number)
        yield followers


async def without_polls(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only changes make the feeds look from here on: how often they do by themselves is a matter of time."""
    for name in ("_SHORTEST_POLL", "_LONGEST_POLL"):
        monkeypatch.setattr(tailer, name, 600.0)
    live.tailer._interval = 600.0
    # What it waits for by now ends as it was begun: it is woken, and then waits for changes alone.
    wake = live.tailer._wake
    wake.set()
    assert await settled(lambda: bool(wake._waiters) and not wake.is_set())


@pytest.mark.slow
async def test_two_hundred_followers_cost_the_reads_of_one(
    serve: Serve, execution_id: str, encoded: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await serve()
    async with crowd(live, 200, LOGS, id=execution_id, start="NOW") as followers:
        await without_polls(live, monkeypatch)
        before = live.tailer.reads
        for at in range(20):
            entries = [{"message": f"{at} {line}"} for line in range(5)]
            await live.client.done("appendLogs", executionId=execution_id, entries=entries)
        seqs = await asyncio.gather(*(follower.seqs(100) for follower in followers))
        reads = live.tailer.reads - before
    assert all(one == list(range(1, 101)) for one in seqs)
    # Each tick reads the counters, and the rows where there are any.
    assert (len(encoded), reads <= 2 * 20 + 2) == (100, True)


async def test_each_shape_of_document_is_encoded_once(
    live: Live, execution_id: str, encoded: list[object]
) -> None:
    other = LOGS.replace("message", "level")
    async with (
        crowd(live, 3, LOGS, id=execution_id) as some,
        connected(live.url) as another,
    ):
        await another.subscribe(other, id=execution_id)
        assert await settled(lambda: live.tailer.followers == 4)
        await live.client.done("appendLogs", executionId=execution_id, entries=[{"message": "x"}])
        await asyncio.gather(*(follower.item() for follower in (*some, another)))
    assert len(encoded) == 2


async def test_other_variables_in_nested_selections_are_not_shared(live: Live, make: Factory) -> None:
    execution = await make.execution()
    await make.steps(execution)
    await make.logs(execution, 3, step_seq=1)
    given: list[dict[str, Any]] = [{}, {"first": 2}, {"first": 3}]
    async with AsyncExitStack() as stack:
        key = f"exec_{execution.hex}"
        followers = [await stack.enter_async_context(live.follow(NESTED, id=key, **one)) for one in given]
        await make.logs(execution, 1, start=4, step_seq=1)
        items = [(await follower.take(4))[-1] for follower in followers]
    assert [len(item["entry"]["step"]["logs"]["nodes"]) for item in items] == [1, 2, 3]


async def test_a_variable_that_is_null_is_not_one_that_is_left_out(live: Live, make: Factory) -> None:
    execution = await make.execution()
    await make.steps(execution)
    key = f"exec_{execution.hex}"
    async with live.follow(NESTED, id=key) as one, live.follow(NESTED, id=key, first=None) as other:
        await make.logs(execution, 4, step_seq=1)
        items = [(await follower.take(4))[-1] for follower in (one, other)]
    assert [len(item["entry"]["step"]["logs"]["nodes"]) for item in items] == [1, 4]


async def test_nothing_is_asked_while_nobody_follows(
    live: Live, execution_id: str, statements: Statements
) -> None:
    async with live.follow(LOGS, id=execution_id):
        pass
    assert await live.forgotten()
    await asyncio.sleep(0.1)
    await statements.clear()
    await asyncio.sleep(0.5)
    assert statements.seen == []


async def test_the_quiet_are_asked_about_rarely(
    live: Live, execution_id: str, statements: Statements
) -> None:
    async with live.follow(LOGS, id=execution_id):
        await statements.clear()
        since = time.monotonic()
        await asyncio.sleep(1.5)
        # Every 200 ms once the first looks have found nothing; a busy machine looks later, never more often.
        assert 1 <= len(statements) <= (time.monotonic() - since) / 0.2 + 4


async def test_only_what_was_changed_is_looked_at(
    serve: Serve, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await serve()
    one, other = sorted(await make.executions(2))
    async with AsyncExitStack() as stack:
        followers = [
            await stack.enter_async_context(live.follow(EVENTS, id=f"exec_{key.hex}", start="NOW"))
            for key in (one, other)
        ]
        asked: list[set[UUID]] = []

        async def noted(connection: Any, executions: list[UUID]) -> Any:
            asked.append(set(executions))
            return await fetch_heads(connection, executions)

        await without_polls(live, monkeypatch)
        monkeypatch.setattr(tailer, "fetch_heads", noted)
        # What changes no execution, or makes another one, wakes nobody.
        await live.client.done("createWorkflow", name="other", version="1", definition={})
        await live.client.done("createExecution", workflowName="other")
        await live.client.done("placeHold", subjectId=f"exec_{other.hex}", reason="audit")
        await live.client.done("claimExecutions", holder="test", ttl="PT60S", limit=1)
        assert await followers[0].seqs(1) == [1]
    assert asked == [{one}]


async def test_who_falls_behind_catches_up(live: Live, execution_id: str, write: Write) -> None:
    async with live.follow(LOGS, id=execution_id) as slow, live.follow(LOGS, id=execution_id) as quick:
        slow.socket.transport.pause_reading()
        for first in range(1, 3_501, 500):
            await write(FEEDS["logs"], first, first + 499)
            await quick.take(500)
        slow.socket.transport.resume_reading()
        assert await slow.seqs(3_500) == list(range(1, 3_501))


async def test_who_falls_behind_hears_of_the_end(serve: Serve, make: Factory) -> None:
    live = await serve()
    execution = await make.execution(status="COMPLETED")
    key = f"exec_{execution.hex}"
    async with live.follow(LOGS, id=key) as slow, live.follow(LOGS, id=key) as quick:
        slow.socket.transport.pause_reading()
        for first in range(1, 8_001, 500):
            await make.logs(execution, 500, start=first, message="x" * 1_000)
            await quick.take(500)
        await live.client.done("deleteExecution", executionId=key)
        slow.socket.transport.resume_reading()
        assert await slow.ended() == "complete"


async def test_the_past_waits_for_the_database(
    live: Live, execution_id: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    after, faults = ExecutionFeed.after, [Unavailable("gone"), Unavailable("gone")]

    async def flaky(feed: ExecutionFeed, *given: Any) -> News:
        if faults:
            raise faults.pop()
        return await after(feed, *given)

    monkeypatch.setattr(ExecutionFeed, "after", flaky)
    monkeypatch.setattr(tailer, "_AFTER_FAILURE", 0.01)
    await write(FEEDS["logs"], 1, 5)
    async with live.follow(LOGS, id=execution_id) as follower:
        assert (await follower.seqs(5), faults) == ([1, 2, 3, 4, 5], [])


async def test_nothing_is_kept_for_the_slow(live: Live, execution_id: str, write: Write) -> None:
    async with live.follow(LOGS, id=execution_id) as slow, live.follow(LOGS, id=execution_id) as quick:
        slow.socket.transport.pause_reading()
        for first in range(1, 5_001, 500):
            await write(FEEDS["logs"], first, first + 499)
            await quick.take(500)
        kept = [len(stream._items) for stream in live.tailer._streams.values()]
    assert kept == [1_000]
