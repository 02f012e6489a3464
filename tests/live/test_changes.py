"""Changes across executions come in the order of commits, and none is passed over."""

import asyncio
import time
from uuid import UUID

import asyncpg

from db.queries.feeds import Commit
from db.queries.filters import ExecutionFilter
from graph.live.feeds import ChangesFeed, News
from graph.live.streams import Stream
from tests.factories import Factory
from tests.live.conftest import INSERT_EVENT, Live, Open
from tests.live.documents import CHANGES
from tests.patience import settled


async def test_nothing_slips_in_behind_an_older_transaction(live: Live, make: Factory, open_: Open) -> None:
    late, early = await make.executions(2)
    async with live.follow(CHANGES) as follower:
        commit = await open_(late, 1)
        await make.records(early, events=[{"seq": 1}])
        assert await follower.silent()
        await commit()
        ids = [item["execution"]["id"] for item in await follower.take(2)]
    assert ids == [f"exec_{late.hex}", f"exec_{early.hex}"]


async def test_a_transaction_that_is_open_at_the_start_is_not_missed(
    live: Live, make: Factory, open_: Open
) -> None:
    execution = await make.execution()
    commit = await open_(execution, 1)
    async with live.follow(CHANGES, start="NOW") as follower:
        await commit()
        assert await follower.seqs(1) == [1]


async def test_a_cursor_that_was_taken_meanwhile_misses_nothing(
    live: Live, make: Factory, open_: Open
) -> None:
    first, late, early = await make.executions(3)
    await make.records(first, events=[{"seq": 1}])
    commit = await open_(late, 1)
    await make.records(early, events=[{"seq": 1}])
    async with live.follow(CHANGES, start="BEGINNING") as follower:
        (item,), silent = await follower.take(1), await follower.silent()
    await commit()
    async with live.follow(CHANGES, after=item["cursor"]) as follower:
        ids = [item["execution"]["id"] for item in await follower.take(2)]
    assert (silent, ids) == (True, [f"exec_{late.hex}", f"exec_{early.hex}"])


async def test_commits_in_another_order_than_beginnings_come_once_each(
    live: Live, make: Factory, open_: Open
) -> None:
    executions = await make.executions(5)
    async with live.follow(CHANGES) as follower:
        commits = [await open_(execution, 1) for execution in executions]
        for commit in reversed(commits):
            await commit()
        ids = [item["execution"]["id"] for item in await follower.take(5)]
    assert ids == [f"exec_{execution.hex}" for execution in executions]


async def test_events_of_one_transaction_come_by_execution_and_number(live: Live, make: Factory) -> None:
    one, other = await make.executions(2)
    async with live.follow(CHANGES) as follower:
        await live.client.done("claimExecutions", holder="test", ttl="PT60S", limit=2, idempotencyKey="both")
        ids = [item["execution"]["id"] for item in await follower.take(2)]
    assert sorted(ids) == sorted(f"exec_{key.hex}" for key in (one, other))


async def test_an_execution_that_is_gone_is_null(live: Live, make: Factory) -> None:
    execution = await make.execution()
    await make.records(execution, events=[{"seq": 1}])
    orphan = UUID(int=execution.int + 1)
    await make.records(orphan, events=[{"seq": 1}])
    async with live.follow(CHANGES, start="BEGINNING") as follower:
        shown = [item["execution"] for item in await follower.take(2)]
    assert [one is None for one in shown] == [False, True]


LAG = """{ health { feeds { lag heldUpBy { processId application database state prepared age } } } }"""


async def test_the_lag_is_the_time_for_which_a_commit_was_not_told(
    live: Live, make: Factory, open_: Open
) -> None:
    late, early = await make.executions(2)
    async with live.follow(CHANGES) as follower:
        commit = await open_(late, 1)
        before = time.monotonic()
        await make.records(early, events=[{"seq": 1}])
        assert await follower.silent(1.0)
        feeds = (await live.client.ask(LAG))["health"]["feeds"]
        waited = time.monotonic() - before
        await commit()
        await follower.take(2)
        assert await settled(lambda: live.tailer.lag < waited / 2)
    assert feeds["lag"] >= 1.0
    assert feeds["heldUpBy"]["state"] == "idle in transaction"
    assert feeds["heldUpBy"]["age"] >= feeds["lag"] - 1.0
    assert await settled(lambda: live.tailer.lag == 0.0)


def test_all_is_told_up_to_the_moment_whose_end_was_reached() -> None:
    stream = Stream(ChangesFeed(ExecutionFilter()), Commit(5))
    told = []
    for read_at, (head, end) in enumerate([(5, 5), (5, 7), (5, 9), (6, 9), (7, 9), (9, 9)], start=1):
        stream.extend(News([], Commit(head), Commit(end)), float(read_at))
        told.append(stream.told_at)
    assert told == [1, 1, 1, 1, 2, 6]


async def test_a_prepared_transaction_is_named(live: Live, make: Factory, worker_url: str) -> None:
    (execution,) = await make.executions(1)
    connection = await asyncpg.connect(worker_url.replace("+asyncpg", ""))
    try:
        await connection.execute("BEGIN")
        await connection.execute(INSERT_EVENT, execution, 1)
        await connection.execute("PREPARE TRANSACTION 'forgotten'")
        # Others of the cluster may be older for a moment; this one stays.
        for _ in range(200):
            held_up = (await live.client.ask(LAG))["health"]["feeds"]["heldUpBy"]
            if held_up["prepared"]:
                break
            await asyncio.sleep(0.05)
        await connection.execute("ROLLBACK PREPARED 'forgotten'")
    finally:
        await connection.close()
    assert (held_up["prepared"], held_up["processId"]) == ("forgotten", None)
