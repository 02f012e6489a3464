"""Many writers, two servers, followers that are cut again and again: each ends with what the tables hold."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed

from db.engine import Database
from tests.client import Client
from tests.factories import Factory
from tests.live.conftest import Serve
from tests.live.documents import CHANGES, EVENTS, LOGS
from tests.live.follower import connected, seq_of
from tests.outages.processes import service

Row = tuple[Any, ...]

WRITERS, EXECUTIONS, WRITES = 20, 10, 25
_LOG_ROWS = "SELECT seq, message FROM log_entries WHERE execution_id = $1::uuid ORDER BY seq"
_EVENT_ROWS = "SELECT seq, type FROM events WHERE execution_id = $1::uuid ORDER BY seq"
_CHANGE_ROWS = """SELECT 'exec_' || replace(execution_id::text, '-', ''), seq, type FROM events
    ORDER BY xid, execution_id, seq"""


@dataclass
class Subscriber:
    """Follows at one server or the other, is cut, resumes, and remembers every item."""

    document: str
    variables: dict[str, Any]
    urls: list[str]
    chance: random.Random
    pause: float = 0.0
    rows: list[Row] = field(default_factory=list)
    cuts: int = 0
    wanted: int | None = None
    _had: int = -1

    async def follow(self) -> list[Row]:
        """Until it has as many rows as are wanted, and nothing more comes."""
        cursor = {"start": "BEGINNING"}
        while not self._done():
            try:
                async with asyncio.timeout(self.chance.uniform(0.1, 1.0)):
                    async with connected(self.chance.choice(self.urls)) as follower:
                        await follower.subscribe(self.document, **self.variables, **cursor)
                        while True:
                            item = await follower.item()
                            self.rows.append(_row(item))
                            cursor = {"after": item["cursor"]}
                            await asyncio.sleep(self.pause)
                            if self.chance.random() < 0.005:
                                follower.socket.transport.abort()
            except (TimeoutError, ConnectionClosed):
                self.cuts += 1
        return self.rows

    def _done(self) -> bool:
        # A row too many has another turn to arrive: in the last one nothing came.
        quiet, self._had = len(self.rows) == self._had, len(self.rows)
        return quiet and self.wanted is not None and self._had >= self.wanted


def _row(item: dict[str, Any]) -> Row:
    if "entry" in item:
        return seq_of(item), item["entry"]["message"]
    told = seq_of(item), item["event"]["type"]
    return (item["execution"]["id"], *told) if "execution" in item else told


@pytest.fixture
def other_url(worker_url: str, database: Database) -> Iterator[str]:
    """A server in a process of its own."""
    with service(worker_url) as url:
        yield url


@pytest_asyncio.fixture
async def urls(serve: Serve, other_url: str) -> AsyncIterator[list[str]]:
    """Two servers on one database: this process and another."""
    yield [(await serve(pool_size=4)).url, other_url]


async def write(urls: list[str], http: httpx.AsyncClient, execution: str, seed: int) -> None:
    """Write one thing after the other, at one server or the other."""
    chance = random.Random(seed)
    for number in range(WRITES):
        client = Client(chance.choice(urls), http)
        if chance.random() < 0.5:
            lines = [{"message": f"{seed} {number} {line}"} for line in range(chance.randint(1, 20))]
            await client.done("appendLogs", executionId=execution, entries=lines)
        else:
            await client.done("saveState", executionId=execution, variablesPatch={f"v{seed}": number})
        await asyncio.sleep(chance.uniform(0, 0.1))


async def held(database: Database, statement: str, *arguments: Any) -> list[Row]:
    """The rows of a statement."""
    async with database.reading() as connection:
        return [tuple(row) for row in await connection.fetch(statement, *arguments)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
async def test_every_follower_ends_with_the_rows_of_the_tables(
    urls: list[str], make: Factory, database: Database, seed: int
) -> None:
    keys = await make.executions(EXECUTIONS, status="RUNNING")
    ids = [f"exec_{key.hex}" for key in keys]

    def subscriber(number: int, document: str, pause: float = 0.0, **variables: Any) -> Subscriber:
        return Subscriber(document, variables, urls, random.Random(seed * 1_000 + number), pause)

    logs = [subscriber(at, LOGS, id=key) for at, key in enumerate(ids)]
    logs.append(subscriber(100, LOGS, pause=0.003, id=ids[0]))  # who reads slowly
    events = [subscriber(200 + at, EVENTS, id=key) for at, key in enumerate(ids)]
    changes = [subscriber(300 + at, CHANGES) for at in range(3)]
    everyone = [*logs, *events, *changes]
    following = [asyncio.create_task(one.follow()) for one in everyone]
    async with httpx.AsyncClient(timeout=60, verify=False) as http:
        await asyncio.gather(
            *(write(urls, http, ids[at % EXECUTIONS], seed * 100 + at) for at in range(WRITERS))
        )
    of_logs = [await held(database, _LOG_ROWS, key) for key in (*keys, keys[0])]
    of_events = [await held(database, _EVENT_ROWS, key) for key in keys]
    expected = [*of_logs, *of_events, *[await held(database, _CHANGE_ROWS)] * len(changes)]
    for one, rows in zip(everyone, expected, strict=True):
        one.wanted = len(rows)
    async with asyncio.timeout(60):
        assert await asyncio.gather(*following) == expected
    assert min(one.cuts for one in everyone) > 0
