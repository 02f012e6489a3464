"""What writes cost beside the floor: one asyncpg INSERT of the same size and one commit a write.

Flowkeep over HTTP, its `db.writes` in this process, and the floor take short turns in one run on one
PostgreSQL with fsync on. What counts are ratios, each the median of those of the single rounds: a shared
machine changes its speed from one second to the next.

python -m benchmarks.writing [--seconds 4] [--only saveState,commitStep] [--json FILE]
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from operator import truediv
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import orjson

from benchmarks.stage import data_folder, server
from db.embedded import EmbeddedPostgres
from db.engine import Database
from db.enums import LogLevel, StepStatus
from db.writes.checkpoints import create_checkpoint
from db.writes.commits import CheckpointWish, StepCommit, commit_step
from db.writes.executions import create_execution
from db.writes.records import LogLine, append_logs
from db.writes.states import StateChange, save_state
from db.writes.steps import StepEnd, StepStart
from db.writes.workflows import create_workflow
from db.writes.write import Write

Call = Callable[[], Awaitable[object]]

CONNECTIONS = 16
LINES = 1000
TURN = 0.4
PAYLOAD = {f"k{number}": "x" * 95 for number in range(10)}  # about 1 KB as JSON
LINE = (
    "2026-01-01 00:00:00,000 INFO worker-7 took block 1608999687919862906 from 10.250.19.102:54106" + "." * 40
)
WRITE = Write("benchmark", b"")
WORKFLOW = {"name": "w", "version": "1", "status": "ACTIVE", "definition": {}, "priority": "NORMAL"}
SHOWN = "__typename ... on Error { message }"
DOCUMENTS = {
    "createCheckpoint": "mutation ($i: CreateCheckpointInput!) { answer: createCheckpoint(input: $i) "
    f"{{ {SHOWN} ... on CreateCheckpointPayload {{ checkpoint {{ id }} }} }} }}",
    "saveState": "mutation ($i: SaveStateInput!) { answer: saveState(input: $i) "
    f"{{ {SHOWN} ... on SaveStatePayload {{ state {{ version }} }} }} }}",
    "commitStep": "mutation ($i: CommitStepInput!) { answer: commitStep(input: $i) "
    f"{{ {SHOWN} ... on CommitStepPayload {{ step {{ id }} }} }} }}",
    "createExecution": "mutation ($i: CreateExecutionInput!) { answer: createExecution(input: $i) "
    f"{{ {SHOWN} ... on ExecutionPayload {{ execution {{ id }} }} }} }}",
    "appendLogs": "mutation ($i: AppendLogsInput!) { answer: appendLogs(input: $i) "
    f"{{ {SHOWN} ... on AppendLogsPayload {{ count }} }} }}",
}


@dataclass
class Stage:
    """What the scenarios play on."""

    database: Database
    url: str
    floor: Sequence[asyncpg.Connection]
    workflow: UUID
    executions: Sequence[UUID]


def variables(stage: Stage, name: str, at: int, number: int) -> dict[str, Any]:
    """The input of the `number`-th mutation of one connection."""
    if name == "createExecution":
        return {"workflowId": f"wf_{stage.workflow.hex}"}
    own = {"executionId": f"exec_{stage.executions[at].hex}"}
    state = {"variablesPatch": {**PAYLOAD, "n": number}}
    if name == "createCheckpoint":
        return {**own, "label": "x", "data": PAYLOAD}
    if name == "saveState":
        return {**own, **state}
    if name == "appendLogs":
        return {**own, "entries": [{"level": "INFO", "message": LINE}] * LINES}
    step = {"key": f"{uuid4().hex}", "status": "COMPLETED", "output": {"ok": True}}
    logs = [{"level": "INFO", "message": LINE}] * 5
    return {**own, "step": step, "state": state, "checkpoint": {"label": "x"}, "logs": logs}


async def over_http(stage: Stage, name: str, at: int) -> Call:
    """A mutation over a connection of its own."""
    parts = urlsplit(stage.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**24)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        "Content-Length: "
    )
    numbers = iter(range(10**9))

    async def call() -> None:
        given = {"i": variables(stage, name, at, next(numbers))}
        body = orjson.dumps({"query": DOCUMENTS[name], "variables": given})
        writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
        answered = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answered.split(b"content-length:")[1].split(b"\r\n")[0])
        answer = orjson.loads(await reader.readexactly(length))
        if not answer.get("data", {}).get("answer", {}).get("__typename", "").endswith("Payload"):
            raise SystemExit(str(answer)[:500])

    return call


def in_process(stage: Stage, name: str, at: int) -> Call:
    """The same write by `db.writes`, in this process."""
    database, numbers = stage.database, iter(range(10**9))

    async def call() -> object:
        key, state = stage.executions[at], StateChange(patch={**PAYLOAD, "n": next(numbers)})
        if name == "createExecution":
            return await create_execution(database, WRITE, stage.workflow, {"trigger_type": "API"}, {})
        if name == "createCheckpoint":
            return await create_checkpoint(database, key, WRITE, None, "x", PAYLOAD)
        if name == "saveState":
            return await save_state(database, key, WRITE, state)
        if name == "appendLogs":
            return await append_logs(database, key, WRITE, [LogLine(LogLevel.INFO, LINE)] * LINES)
        end = StepEnd(StepStatus.COMPLETED, output={"ok": True})
        lines = [LogLine(LogLevel.INFO, LINE)] * 5
        commit = StepCommit(StepStart(uuid4().hex), end, state, CheckpointWish("x"), lines)
        return await commit_step(database, key, WRITE, commit)

    return call


def floor_of(stage: Stage, name: str, at: int) -> Call:
    """One INSERT on a connection of its own, committed by itself; for logs, of as many rows from arrays."""
    connection, data, run = stage.floor[at], orjson.dumps(PAYLOAD).decode(), uuid4()
    firsts = iter(range(0, 10**9, LINES))

    async def insert() -> None:
        await connection.execute("INSERT INTO floor_writes VALUES ($1, $2)", uuid4(), data)

    async def insert_lines() -> None:
        first = next(firsts)
        await connection.execute(
            "INSERT INTO floor_lines SELECT $1, s, 20, m, now() "
            "FROM unnest($2::bigint[], $3::text[]) AS u(s, m)",
            run,
            list(range(first, first + LINES)),
            [LINE] * LINES,
        )

    return insert_lines if name == "appendLogs" else insert


async def turn(calls: Sequence[Call], seconds: float) -> tuple[float, list[float]]:
    """Calls a second, and how long each took in seconds, of loops that run side by side."""
    times: list[float] = []
    started = time.perf_counter()

    async def loop(call: Call) -> None:
        while (before := time.perf_counter()) - started < seconds:
            await call()
            times.append(time.perf_counter() - before)

    await asyncio.gather(*map(loop, calls))
    return len(times) / (time.perf_counter() - started), times


async def compare(stage: Stage, name: str, connections: int, seconds: float) -> dict[str, float]:
    """Medians of rounds in which each way has a turn: rates, ratios, and how evenly HTTP is served."""
    ways = {
        "http": [await over_http(stage, name, at) for at in range(connections)],
        "in process": [in_process(stage, name, at) for at in range(connections)],
        "floor": [floor_of(stage, name, at) for at in range(min(connections, CONNECTIONS))],
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    evenness: list[float] = []
    for _ in range(max(3, round(seconds / TURN))):
        for way, calls in ways.items():
            rate, times = await turn(calls, TURN)
            rates[way].append(rate)
            if way == "http":
                evenness.append(statistics.quantiles(times, n=100)[98] / statistics.median(times))
    ratios = {
        f"{way} / floor": statistics.median(map(truediv, rates[way], rates["floor"]))
        for way in ("http", "in process")
    }
    medians = {way: statistics.median(rates[way]) for way in ways}
    return {**medians, **ratios, "p99 / median": statistics.median(evenness)}


async def measure(folder: Path, seconds: float, only: Sequence[str]) -> dict[str, dict[str, float]]:
    """Every scenario by its name and number of connections."""
    postgres = EmbeddedPostgres(folder)
    url = postgres.start()
    async with AsyncExitStack() as stack:
        stack.callback(postgres.stop)
        database = Database(url)
        stack.push_async_callback(database.close)
        workflow = await create_workflow(database, WRITE, {**WORKFLOW, "environment": "STAGING"})
        made = [
            await create_execution(database, WRITE, workflow, {"trigger_type": "API"}, {}) for _ in range(64)
        ]
        floor = [await asyncpg.connect(url.replace("+asyncpg", "")) for _ in range(CONNECTIONS)]
        for connection in floor:
            stack.push_async_callback(connection.close)
        await floor[0].execute(
            "CREATE TABLE floor_writes (id uuid PRIMARY KEY, data jsonb);"
            "CREATE TABLE floor_lines (execution_id uuid, seq bigint, level smallint, message text,"
            " logged_at timestamptz, PRIMARY KEY (execution_id, seq));"
            "CREATE INDEX ON floor_lines (execution_id, logged_at, seq)"
        )
        flowkeep = stack.enter_context(server(folder))
        stage = Stage(database, flowkeep.url, floor, workflow, made)
        scenarios = [
            (name, number) for name in DOCUMENTS for number in (1, CONNECTIONS) if name != "appendLogs"
        ]
        scenarios += [("appendLogs", 4), ("saveState", 64)]
        found = {}
        for name, connections in scenarios:
            if not only or name in only:
                figures = await compare(stage, name, connections, seconds)
                found[f"{name}, {connections}"] = figures
                show(f"{name}, {connections}", figures)
        return found


def show(name: str, figures: dict[str, float]) -> None:
    """One line of the table."""
    http, process = (
        f"{figures[way]:9.0f} {figures[f'{way} / floor']:6.2f}" for way in ("http", "in process")
    )
    print(f"{name:22}{http}  {process} {figures['floor']:10.0f} {figures['p99 / median']:8.1f}", flush=True)


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seconds", type=float, default=4, help="how long each way of a scenario runs, in all its turns"
    )
    parser.add_argument("--only", default="", help="names of scenarios, with commas between them")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    print(
        f"{'writes a second':22}{'HTTP':>9}{'of it':>7}{'process':>11}{'of it':>7}{'floor':>11}{'p99/med':>9}"
    )
    with data_folder() as folder:
        only = [name for name in arguments.only.split(",") if name]
        found = asyncio.run(measure(folder, arguments.seconds, only))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
