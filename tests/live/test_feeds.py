"""Where a feed starts, how it goes on, and when it ends."""

import asyncio

import pytest

from tests.conftest import Statements
from tests.factories import Factory
from tests.live.conftest import Live, Serve, Write
from tests.live.documents import CHANGES, EVENTS, FEEDS, LOGS, Feed

ALL = pytest.mark.parametrize("feed", FEEDS.values(), ids=FEEDS.keys())
OF_EXECUTIONS = pytest.mark.parametrize("feed", [FEEDS["events"], FEEDS["logs"]], ids=["events", "logs"])


@ALL
async def test_it_starts_at_the_beginning(live: Live, execution_id: str, write: Write, feed: Feed) -> None:
    await write(feed, 1, 3)
    async with live.follow(feed.document, id=execution_id, start="BEGINNING") as follower:
        assert await follower.seqs(3) == [1, 2, 3]


@ALL
async def test_it_starts_now(live: Live, execution_id: str, write: Write, feed: Feed) -> None:
    await write(feed, 1, 3)
    async with live.follow(feed.document, id=execution_id, start="NOW") as follower:
        await write(feed, 4, 5)
        assert await follower.seqs(2) == [4, 5]


@pytest.mark.parametrize(("name", "first"), [("events", 1), ("logs", 1), ("changes", 4)])
async def test_without_a_word_it_starts_where_it_is_useful(
    live: Live, execution_id: str, write: Write, name: str, first: int
) -> None:
    await write(FEEDS[name], 1, 3)
    async with live.follow(FEEDS[name].document, id=execution_id) as follower:
        await write(FEEDS[name], 4, 4)
        assert (await follower.seqs(1))[0] == first


@ALL
async def test_every_cursor_resumes_after_its_item(
    live: Live, execution_id: str, write: Write, feed: Feed
) -> None:
    await write(feed, 1, 3)
    async with live.follow(feed.document, id=execution_id, start="BEGINNING") as follower:
        cursors = [item["cursor"] for item in await follower.take(3)]
    for at, cursor in enumerate(cursors, 1):
        async with live.follow(feed.document, id=execution_id, after=cursor) as resumed:
            assert (await resumed.seqs(3 - at), await resumed.silent()) == (list(range(at + 1, 4)), True)


@ALL
async def test_there_is_no_seam_between_old_and_new(
    live: Live, execution_id: str, write: Write, feed: Feed
) -> None:
    await write(feed, 1, 700)
    async with live.follow(feed.document, id=execution_id, start="BEGINNING") as follower:
        for first in range(701, 901, 10):
            await write(feed, first, first + 9)
        assert await follower.seqs(900) == list(range(1, 901))


@ALL
async def test_a_long_past_comes_whole(live: Live, execution_id: str, write: Write, feed: Feed) -> None:
    await write(feed, 1, 1_500)
    async with live.follow(feed.document, id=execution_id, start="BEGINNING") as follower:
        assert (await follower.seqs(1_500), await follower.silent()) == (list(range(1, 1_501)), True)


@ALL
async def test_two_of_a_feed_get_the_same(live: Live, execution_id: str, write: Write, feed: Feed) -> None:
    async with (
        live.follow(feed.document, id=execution_id, start="NOW") as one,
        live.follow(feed.document, id=execution_id, start="BEGINNING") as other,
    ):
        await write(feed, 1, 5)
        assert await one.take(5) == await other.take(5)


async def test_a_write_of_this_process_comes_at_once(live: Live, execution_id: str) -> None:
    async with live.follow(LOGS, id=execution_id) as follower:
        await live.client.done("appendLogs", executionId=execution_id, entries=[{"message": "here"}])
        assert (await follower.item())["entry"]["message"] == "here"


async def test_the_cursors_of_logs_are_those_of_the_list(live: Live, execution_id: str, write: Write) -> None:
    await write(FEEDS["logs"], 1, 5)
    query = """query ($id: ID!) { execution(id: $id) {
      logs(orderBy: {field: SEQ}) { edges { cursor node { seq message } } } } }"""
    edges = (await live.client.ask(query, id=execution_id))["execution"]["logs"]["edges"]
    async with live.follow(LOGS, id=execution_id) as follower:
        items = await follower.take(5)
    assert items == [{"cursor": edge["cursor"], "entry": edge["node"]} for edge in edges]


@OF_EXECUTIONS
async def test_an_execution_that_is_deleted_completes(live: Live, make: Factory, feed: Feed) -> None:
    key = f"exec_{(await make.execution(status='COMPLETED')).hex}"
    async with live.follow(feed.document, id=key) as follower:
        await live.client.done("deleteExecution", executionId=key)
        assert await follower.ended() == "complete"


@OF_EXECUTIONS
async def test_an_unknown_execution_is_not_found(live: Live, feed: Feed) -> None:
    assert await live.refused(feed.document, id=f"exec_{'0' * 32}") == "NOT_FOUND"


@ALL
async def test_after_and_start_exclude_each_other(
    live: Live, execution_id: str, write: Write, feed: Feed
) -> None:
    await write(feed, 1, 1)
    async with live.follow(feed.document, id=execution_id, start="BEGINNING") as follower:
        after = (await follower.item())["cursor"]
    assert await live.refused(feed.document, id=execution_id, after=after, start="NOW") == "BAD_USER_INPUT"


@ALL
async def test_what_is_no_cursor_is_refused(live: Live, execution_id: str, feed: Feed) -> None:
    assert await live.refused(feed.document, id=execution_id, after="nonsense") == "BAD_USER_INPUT"


@pytest.mark.parametrize("name", FEEDS)
@pytest.mark.parametrize("other", FEEDS)
async def test_a_cursor_of_another_feed_is_refused(
    live: Live, execution_id: str, write: Write, name: str, other: str
) -> None:
    if name == other:
        return
    await write(FEEDS[other], 1, 1)
    async with live.follow(FEEDS[other].document, id=execution_id, start="BEGINNING") as follower:
        after = (await follower.item())["cursor"]
    assert await live.refused(FEEDS[name].document, id=execution_id, after=after) == "BAD_USER_INPUT"


NESTED = {
    "logs": "subscription ($id: ID!) { executionLogs(executionId: $id) { entry { step { key } } } }",
    "changes": """subscription { executionChanges(start: BEGINNING) {
      event { seq } execution { id steps(first: 1) { nodes { key } } } } }""",
}


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("number", [3, 300])
async def test_a_batch_takes_as_many_statements_whatever_its_size(
    live: Live, make: Factory, statements: Statements, name: str, number: int
) -> None:
    (parent,) = await make.executions(1)
    await make.steps(parent, number)
    rows = [{"seq": seq, "step_seq": seq} for seq in range(1, number + 1)]
    await make.records(parent, logs=rows, events=[{"seq": seq} for seq in range(1, number + 1)])
    await statements.clear()
    async with live.follow(NESTED[name], id=f"exec_{parent.hex}") as follower:
        await follower.take(number)
    assert len([text for text in statements.seen if "steps" in text]) == 1


async def test_a_wait_is_silent(live: Live, execution_id: str) -> None:
    async with live.follow(EVENTS, id=execution_id) as one, live.follow(CHANGES) as other:
        assert all(await asyncio.gather(one.silent(), other.silent()))


async def test_what_one_call_appends_comes_whole(live: Live, execution_id: str) -> None:
    entries = [{"message": str(at)} for at in range(5_000)]
    async with live.follow(LOGS, id=execution_id) as follower:
        await live.client.done("appendLogs", executionId=execution_id, entries=entries)
        assert await follower.seqs(5_000) == list(range(1, 5_001))


async def test_a_long_past_stays_within_the_limit_of_rows(serve: Serve, make: Factory) -> None:
    live = await serve(max_rows=100)
    for execution in await make.executions(30):
        await make.records(execution, logs=[{"seq": seq} for seq in range(1, 11)], events=[{"seq": 1}])
    document = """subscription { executionChanges(start: BEGINNING) {
      event { seq } execution { logs(first: 10) { nodes { seq } } } } }"""
    async with live.follow(document) as follower:
        found = [len(item["execution"]["logs"]["nodes"]) for item in await follower.take(30)]
    assert found == [10] * 30
