"""SIGTERM: what runs finishes, what would go on for ever is told to come again, and nothing waits for it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import pytest
import pytest_asyncio
import websockets

from db.engine import Database
from graph.http.server import REQUEST_SECONDS
from tests.factories import Factory
from tests.http.locks import locking
from tests.outages.processes import FLOWKEEP, ROOT
from tests.patience import PATIENCE, eventually

FOLLOW = "subscription { executionChanges { cursor } }"


class Running:
    """A service that the test stops itself."""

    def __init__(self, database_url: str, *arguments: str, command: Sequence[str] = (FLOWKEEP,)) -> None:
        self.process = subprocess.Popen(
            [*command, "serve", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "FLOWKEEP_DATABASE_URL": database_url},
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]

    async def stop(self) -> float:
        """SIGTERM; the seconds until it had stopped in order."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(self.process.wait, PATIENCE) == 0
        return time.monotonic() - started

    async def says(self, words: str) -> str:
        """What it says up to the line with these words, which it must say."""
        assert self.process.stderr is not None
        said = ""
        async with asyncio.timeout(PATIENCE):
            while words not in said:
                line = await asyncio.to_thread(self.process.stderr.readline)
                assert line, said
                said += line
        return said

    async def ended(self) -> tuple[int, str]:
        """How it ends by itself, and what it has said since it was last heard."""
        _, said = await asyncio.to_thread(self.process.communicate, timeout=60)
        return self.process.returncode, said


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
    assert took < REQUEST_SECONDS


async def test_streams_end_without_being_complete(running: Running) -> None:
    async with httpx.AsyncClient(timeout=20) as http:
        request = {"json": {"query": FOLLOW}, "headers": {"accept": "text/event-stream"}}
        async with http.stream("POST", running.url, **request) as answer:  # type: ignore[arg-type]
            lines = answer.aiter_lines()
            assert await anext(lines) == ":"
            took = await running.stop()
            rest = [line async for line in lines]
    assert "event: complete" not in rest
    assert took < REQUEST_SECONDS


async def test_what_runs_finishes(running: Running, worker_url: str, make: Factory) -> None:

    async def ask(http: httpx.AsyncClient) -> Any:
        query = "{ workflows { totalCount } }"
        return (await http.post(running.url, json={"query": query})).json()

    async with httpx.AsyncClient(timeout=20) as http:
        await ask(http)
        async with locking(worker_url)("workflows") as lock:
            asking = asyncio.create_task(ask(http))
            assert await lock.awaited(1)
            stopping = asyncio.create_task(running.stop())
            await running.says("waiting for requests")
            assert not asking.done()
        answer = await asking
        await stopping
    assert answer == {"data": {"workflows": {"totalCount": 0}}}


async def test_a_request_that_comes_on_a_new_connection_is_answered(running: Running) -> None:
    address = httpx.URL(running.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    await asyncio.sleep(1)  # until it is accepted: of what waits to be nobody is told
    running.process.send_signal(signal.SIGTERM)
    await until_refused(address)
    writer.write(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert (answer[:15], (await running.ended())[0]) == (b"HTTP/1.1 200 OK", 0)


async def until_refused(address: httpx.URL) -> None:
    """Wait until nobody listens any more."""
    async with asyncio.timeout(PATIENCE):
        with suppress(ConnectionError):
            while True:
                socket.create_connection((address.host, address.port)).close()
                await asyncio.sleep(0.01)


async def stuck(running: Running, worker_url: str) -> tuple[int, str]:
    """How a service ends that is told twice to stop, while a request of it waits for a lock."""
    async with httpx.AsyncClient(timeout=60) as http, locking(worker_url)("workflows") as lock:
        query = {"query": "{ workflows { totalCount } }"}
        asking = asyncio.create_task(http.post(running.url, json=query))
        assert await lock.awaited(1)
        running.process.send_signal(signal.SIGTERM)
        waiting = await running.says("waiting for")
        assert not asking.done()
        running.process.send_signal(signal.SIGTERM)
        status, said = await running.ended()
        with pytest.raises(httpx.TransportError):
            await asking
    return status, waiting + said


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_second_signal_ends_it_at_once(
    worker_url: str, database: Database, workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    running = await asyncio.to_thread(Running, worker_url, "--workers", workers)
    processes = [
        running.process.pid,
        *(child.pid for child in psutil.Process(running.process.pid).children()),
    ]
    status, said = await stuck(running, worker_url)
    assert (status, "A second SIGTERM" in said) == (128 + signal.SIGTERM, True)
    assert eventually(lambda: not any(map(psutil.pid_exists, processes[1:])))
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


async def test_it_says_what_it_waits_for(running: Running, worker_url: str) -> None:
    _, said = await stuck(running, worker_url)
    assert "waiting for requests and what runs beside them" in said


async def test_an_embedded_server_ends_with_it(data_dir: Path) -> None:
    running = await asyncio.to_thread(Running, "")
    note = data_dir / "cluster" / "postmaster.pid"
    assert note.exists()
    os.kill(running.process.pid, signal.SIGSTOP)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
        os.kill(running.process.pid, number)
    status, _ = await running.ended()
    assert eventually(lambda: not note.exists())
    assert status > 128


STUBBORN = """
import sys, threading, time
from graph import app, background, cli
from graph.http import server
background.STOP_SECONDS = 0.2
server.LEFT_SECONDS = 2.0

async def deaf():
    while True:
        try:
            await background.asyncio.sleep(60)
        except background.asyncio.CancelledError:
            pass

jobs = app._maintenance
app._maintenance = lambda *given: [*jobs(*given), background.Job("deaf", deaf)]
cli.main()
"""


async def test_what_can_not_be_stopped_does_not_keep_it(worker_url: str, database: Database) -> None:
    running = await asyncio.to_thread(Running, worker_url, command=(sys.executable, "-c", STUBBORN))
    running.process.send_signal(signal.SIGTERM)
    status, said = await running.ended()
    assert (status, "Stopping without waiting any longer for: deaf" in said) == (1, True)
    assert "tasks and threads that are left did not end within 2 s" in said
    assert "most recent call first" in said
