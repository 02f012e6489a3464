"""SIGTERM: what runs finishes, what would go on for ever is told to come again, and nothing waits for it."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest_asyncio
import websockets

from db.engine import Database
from tests.factories import Factory
from tests.outages.processes import FLOWKEEP

# Well below the time that a request has to finish, however busy the machine is.
QUICK = 8
FOLLOW = "subscription { executionChanges { cursor } }"


class Running:
    """A service that the test stops itself."""

    def __init__(self, database_url: str) -> None:
        self.process = subprocess.Popen(
            [FLOWKEEP, "serve", "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "FLOWKEEP_DATABASE_URL": database_url},
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]

    async def stop(self) -> float:
        """SIGTERM; the seconds until it had stopped in order."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(self.process.wait, 30) == 0
        return time.monotonic() - started


@pytest_asyncio.fixture
async def running(worker_url: str, database: Database) -> AsyncIterator[Running]:
    """A service in a process of its own."""
    found = await asyncio.to_thread(Running, worker_url)
    with found.process:
        yield found
        found.process.kill()


async def test_sockets_are_sent_elsewhere_at_once(running: Running) -> None:
    address = running.url.replace("http", "ws", 1)
    async with websockets.connect(
        address, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]
    ) as ws:
        await ws.send('{"type": "connection_init"}')
        assert "connection_ack" in str(await ws.recv())
        await ws.send(orjson.dumps({"type": "subscribe", "id": "1", "payload": {"query": FOLLOW}}).decode())
        await asyncio.sleep(0.3)
        took = await running.stop()
        await ws.wait_closed()
    assert ws.close_code == 1012
    assert took < QUICK


async def test_streams_end_without_being_complete(running: Running) -> None:
    async with httpx.AsyncClient(timeout=20) as http:
        request = {"json": {"query": FOLLOW}, "headers": {"accept": "text/event-stream"}}
        async with http.stream("POST", running.url, **request) as answer:  # type: ignore[arg-type]
            lines = answer.aiter_lines()
            assert await anext(lines) == ":"
            took = await running.stop()
            rest = [line async for line in lines]
    assert "event: complete" not in rest
    assert took < QUICK


async def test_what_runs_finishes(running: Running, worker_url: str, make: Factory) -> None:
    locker = Database(worker_url, pool_size=1)

    async def ask(http: httpx.AsyncClient) -> Any:
        query = "{ workflows { totalCount } }"
        return (await http.post(running.url, json={"query": query})).json()

    async with httpx.AsyncClient(timeout=20) as http:
        await ask(http)
        async with locker.maintaining() as connection:
            await connection.execute("LOCK TABLE workflows IN ACCESS EXCLUSIVE MODE")
            asking = asyncio.create_task(ask(http))
            await asyncio.sleep(0.5)
            stopping = asyncio.create_task(running.stop())
            await asyncio.sleep(0.5)
            assert not asking.done()
        answer = await asking
        await stopping
    await locker.close()
    assert answer == {"data": {"workflows": {"totalCount": 0}}}
