"""What the defaults have room for: a laptop, and a thousand dashboards."""

import asyncio
import statistics
import time
from contextlib import AsyncExitStack

import pytest
from psutil import Process
from pydantic import SecretStr

from graph.settings import Settings
from tests.client import Client
from tests.live.conftest import served
from tests.live.documents import LOGS
from tests.live.follower import Follower, connected
from tests.patience import PATIENCE, settled

IDLE, FOLLOWERS, ENTRIES = 1_000, 200, 300


async def latency(client: Client, times: int) -> float:
    """How long a small read mostly takes."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        await client.ask("{ health { version } }")
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


async def alive(idle: Follower) -> bool:
    """Whether a socket is answered, after whatever signs of life it was sent."""
    await idle.say({"type": "ping"})
    while (await idle.message())["type"] != "pong":
        pass
    return True


@pytest.mark.slow
async def test_a_thousand_are_idle_and_two_hundred_follow(
    worker_url: str, client: Client, execution_id: str
) -> None:
    # Who opens a thousand sockets on a busy machine is not to be cut off for being slow to introduce them.
    defaults = Settings(
        database_url=SecretStr(worker_url), retention_interval=0, socket_init_timeout=PATIENCE
    )
    before = Process().memory_info().rss
    async with served(worker_url, client.http, **defaults.model_dump(exclude={"database_url"})) as live:
        async with AsyncExitStack() as stack:
            alone = await latency(live.client, 50)
            idle = [await stack.enter_async_context(connected(live.url)) for _ in range(IDLE)]
            followers = [await stack.enter_async_context(connected(live.url)) for _ in range(FOLLOWERS)]
            for follower in followers:
                await follower.subscribe(LOGS, id=execution_id)
            assert await settled(lambda: live.tailer.followers == FOLLOWERS)
            taking = [asyncio.create_task(taken(follower)) for follower in followers]
            for at in range(ENTRIES):
                await live.client.done("appendLogs", executionId=execution_id, entries=[{"message": f"{at}"}])
            assert await asyncio.gather(*taking) == [list(range(1, ENTRIES + 1))] * FOLLOWERS
            assert all(await asyncio.gather(*map(alive, idle)))
            assert await latency(live.client, 50) < 20 * alone
            assert Process().memory_info().rss - before < 400_000_000
        assert await settled(lambda: live.tailer.followers == 0)


async def taken(follower: Follower) -> list[int]:
    """The numbers of all entries."""
    return await follower.seqs(ENTRIES)
