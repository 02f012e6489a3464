"""What live feeds cost and how quick they are: `python benchmarks/live.py`, with `--json FILE` to keep it.

Two server processes on one embedded PostgreSQL (fsync on), and clients in this process.

- Latency: from the start of the transaction that writes a log entry (its `recordedAt`, by the same clock)
  to the moment when a follower has the entry in hand; in the process that wrote it, and in the other one.
- Writes: log entries a second by eight writers, in turns without and with 500 who follow other executions.
- Sockets: memory and processor time of a process with 1,000 followers of 100 executions that are quiet.
- Crowd: 1 and then 200 followers of one busy execution: items that arrive in a second, and transactions
  of the database besides the writes.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from stage import Client, Server, client, data_folder, server, watch, watchers
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from db.embedded import EmbeddedPostgres

LOGS = """subscription ($id: ID!) { executionLogs(executionId: $id, start: NOW) {
  cursor entry { seq message recordedAt } } }"""
APPEND = """mutation ($input: AppendLogsInput!) { appendLogs(input: $input) { __typename } }"""
CREATE_WORKFLOW = """mutation ($input: CreateWorkflowInput!) {
  createWorkflow(input: $input) { ... on WorkflowPayload { workflow { id } } } }"""
CREATE_EXECUTION = """mutation ($input: CreateExecutionInput!) {
  createExecution(input: $input) { ... on ExecutionPayload { execution { id } } } }"""

LATENCIES, WRITERS, TURNS, TURN_SECONDS = 100, 8, 5, 2.0

Figures = dict[str, float]
Scenario = Callable[[list[Server], str], Coroutine[Any, Any, Figures]]


def percentile(figures: list[float], percent: int) -> float:
    """The figure below which so many of a hundred lie."""
    return sorted(figures)[min(len(figures) * percent // 100, len(figures) - 1)]


async def executions(asking: Client, number: int) -> list[str]:
    """New executions of one new workflow; their ids."""
    given = {"name": f"bench {random.random()}", "version": "1", "definition": {}}
    workflow = (await asking.ask(CREATE_WORKFLOW, input=given))["createWorkflow"]["workflow"]["id"]
    made = [await asking.ask(CREATE_EXECUTION, input={"workflowId": workflow}) for _ in range(number)]
    return [one["createExecution"]["execution"]["id"] for one in made]


async def append(asking: Client, execution: str, number: int = 1) -> None:
    """Append so many log entries."""
    entries = [{"message": f"line {at} " + "x" * 80} for at in range(number)]
    await asking.ask(APPEND, input={"executionId": execution, "entries": entries})


async def latency(servers: list[Server], database_url: str) -> Figures:
    """From a write to followers of both servers, at random moments."""
    chance, figures = random.Random(1), Figures()
    async with client(servers[0].url) as asking:
        (execution,) = await executions(asking, 1)
        sockets = [await watch(one.url, LOGS, id=execution) for one in servers]
        tasks = [asyncio.create_task(_delays(socket)) for socket in sockets]
        await asyncio.sleep(1)
        for _ in range(LATENCIES):
            await append(asking, execution)
            await asyncio.sleep(chance.uniform(0, 0.3))
        for name, delays in zip(("same process", "other process"), await asyncio.gather(*tasks), strict=True):
            figures[f"{name}, p50 ms"] = percentile(delays, 50)
            figures[f"{name}, p95 ms"] = percentile(delays, 95)
        for socket in sockets:
            await socket.close()
    return figures


async def _delays(socket: ClientConnection) -> list[float]:
    delays: list[float] = []
    while len(delays) < LATENCIES:
        message, at = orjson.loads(await socket.recv()), time.time()
        if message["type"] == "next":
            entry = message["payload"]["data"]["executionLogs"]["entry"]
            delays.append((at - datetime.fromisoformat(entry["recordedAt"]).timestamp()) * 1_000)
    return delays


async def writes(servers: list[Server], database_url: str) -> Figures:
    """The rate of writes without and with idle followers, in turns."""
    without, with_ = [], []
    async with client(servers[0].url) as asking:
        idle, busy = await executions(asking, 500), await executions(asking, WRITERS)
        await _rate(asking, busy, 1)
        for _ in range(TURNS):
            without.append(await _rate(asking, busy, TURN_SECONDS))
            async with watchers(servers[0].url, LOGS, [{"id": key} for key in idle]):
                with_.append(await _rate(asking, busy, TURN_SECONDS))
    # Neighbours in time see the same machine.
    ratio = percentile([watched / alone for alone, watched in zip(without, with_, strict=True)], 50)
    return {
        "alone, writes/s": percentile(without, 50),
        "500 follow others, writes/s": percentile(with_, 50),
        "ratio": ratio,
    }


async def _rate(asking: Client, keys: list[str], seconds: float) -> float:
    end, done = time.monotonic() + seconds, 0

    async def write(key: str) -> None:
        nonlocal done
        while time.monotonic() < end:
            await append(asking, key)
            done += 1

    await asyncio.gather(*map(write, keys))
    return done / seconds


async def sockets(servers: list[Server], database_url: str) -> Figures:
    """A thousand who wait."""
    one = servers[1]
    async with client(one.url) as asking:
        keys = await executions(asking, 100)
        before = one.memory()
        async with watchers(one.url, LOGS, [{"id": keys[at % 100]} for at in range(1_000)]):
            memory, cpu = one.memory() - before, one.cpu()
            await asyncio.sleep(8)
            used = one.cpu() - cpu
    return {"memory, KB a socket": memory / 1_000 / 1_024, "idle, % of a processor": used / 8 * 100}


async def crowd(servers: list[Server], database_url: str) -> Figures:
    """Many who follow the same."""
    figures = Figures()
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    async with client(servers[0].url) as asking:
        for number in (1, 200):
            (execution,) = await executions(asking, 1)
            async with watchers(servers[0].url, LOGS, [{"id": execution}] * number) as found:
                counts = [0] * number
                tasks = [asyncio.create_task(_count(socket, counts, at)) for at, socket in enumerate(found)]
                before, began, written = await _transactions(connection), time.monotonic(), 0
                while time.monotonic() - began < 6:
                    await append(asking, execution, 20)
                    written += 1
                while min(counts) < written * 20:  # noqa: ASYNC110 - it is another process that counts
                    await asyncio.sleep(0.05)
                seconds = time.monotonic() - began
                await asyncio.sleep(1)
                reads = await _transactions(connection) - before - written
            await asyncio.gather(*tasks)
            figures[f"{number} followers, items/s"] = sum(counts) / seconds
            figures[f"{number} followers, reads a write"] = reads / written
    await connection.close()
    return figures


async def _count(socket: ClientConnection, counts: list[int], at: int) -> None:
    try:
        while True:
            counts[at] += '"next"' in str(await socket.recv())[:60]
    except ConnectionClosed:
        pass


async def _transactions(connection: asyncpg.Connection) -> int:
    # Sessions report what they did once a second.
    await asyncio.sleep(1.1)
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    count: int = await connection.fetchval(
        "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    )
    return count


SCENARIOS: list[Scenario] = [latency, writes, sockets, crowd]


def main() -> None:
    """Run the scenarios, or those that are named."""
    arguments = sys.argv[1:]
    file = arguments.pop(arguments.index("--json") + 1) if "--json" in arguments else None
    chosen = [one for one in SCENARIOS if one.__name__ in arguments] or SCENARIOS
    results: dict[str, Figures] = {}
    with (
        data_folder() as folder,
        EmbeddedPostgres(folder) as url,
        server(folder) as one,
        server(folder) as two,
    ):
        for scenario in chosen:
            results[scenario.__name__] = asyncio.run(scenario([one, two], url))
            for name, figure in results[scenario.__name__].items():
                sys.stdout.write(f"{scenario.__name__:8} {name:32} {figure:10,.2f}\n")
    if file is not None:
        Path(file).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
