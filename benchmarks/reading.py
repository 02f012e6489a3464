"""Reads over HTTP beside their floors, in turns in one run: the same statements without GraphQL.

    python -m benchmarks.reading [--json FILE]

The floor of the dashboard is its four batched selects, dictionaries and orjson in this process; that of the
small read is a bare Starlette route with two selects, served like Flowkeep; that of a dashboard with an error
in one of its items is the same without.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import orjson

from benchmarks.stage import data_folder, server
from db.database_url import parse_url
from db.embedded import EmbeddedPostgres

WORKFLOWS, EXECUTIONS, STEPS, LOGS = 20, 50, 10, 100  # 1,000,000 log entries
DASHBOARD = """
{ workflows(first: 20) { nodes { id name
  executions(first: 10) { nodes { id status
    steps(first: 10) { nodes { id key status
      logs(first: 10) { nodes { id level message loggedAt } } } } } } } } }
"""
# The same of workflows that are named by their ids, among which one can be missing.
NAMED = """
query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Workflow { name
  executions(first: 10) { nodes { id status
    steps(first: 10) { nodes { id key status
      logs(first: 10) { nodes { id level message loggedAt } } } } } } } } }
"""
MISSING = "wf_00000000000070008000000000000000"
SMALL = """query ($id: ID!) { execution(id: $id) { id status createdAt
  steps(first: 10) { nodes { id key status startedAt completedAt } } } }"""
_SEED = f"""
INSERT INTO workflows (id, name, version, status, definition, priority, environment, created_by)
SELECT uuidv7(), 'w' || w, '1', 'ACTIVE', '{{}}', 'NORMAL', 'STAGING', 'bench'
FROM generate_series(1, {WORKFLOWS}) w;
INSERT INTO executions (id, workflow_id, status, trigger_type, triggered_by, event_seq, log_seq, step_seq)
SELECT uuidv7(), w.id, 'PENDING', 'API', 'bench', 0, {STEPS * LOGS}, {STEPS}
FROM workflows w, generate_series(1, {EXECUTIONS});
INSERT INTO states (execution_id) SELECT id FROM executions;
INSERT INTO steps (execution_id, seq, key, attempt, name, type, status)
SELECT e.id, s, 'step-' || s, 1, 'step ' || s, 'task', 'PENDING'
FROM executions e, generate_series(1, {STEPS}) s;
INSERT INTO log_entries (execution_id, seq, step_seq, level, message, logged_at)
SELECT e.id, (s - 1) * {LOGS} + l, s, 20, repeat('x', 160) || l, now()
FROM executions e, generate_series(1, {STEPS}) s, generate_series(1, {LOGS}) l;
"""
_FLOOR = (
    "SELECT id, name FROM workflows ORDER BY id DESC LIMIT 20",
    """SELECT p.ord, c.* FROM unnest($1::uuid[]) WITH ORDINALITY p(k, ord) CROSS JOIN LATERAL
       (SELECT id, status FROM executions c WHERE c.workflow_id = p.k ORDER BY c.id DESC LIMIT 11) c""",
    """SELECT p.ord, c.* FROM unnest($1::uuid[]) WITH ORDINALITY p(k, ord) CROSS JOIN LATERAL
       (SELECT execution_id, seq, key, status FROM steps c WHERE c.execution_id = p.k
        ORDER BY c.seq LIMIT 11) c""",
    """SELECT p.ord, c.* FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY p(k, s, ord) CROSS JOIN LATERAL
       (SELECT execution_id, seq, level, message, logged_at FROM log_entries c
        WHERE c.execution_id = p.k AND c.step_seq = p.s ORDER BY c.seq LIMIT 11) c""",
)


class Figures(NamedTuple):
    """What was measured of Flowkeep, and of its floor where it has one."""

    flowkeep: float
    floor: float | None = None


def _grouped(rows: list[Any], parents: int) -> list[list[Any]]:
    lists: list[list[Any]] = [[] for _ in range(parents)]
    for row in rows:
        own = lists[row["ord"] - 1]
        if len(own) < 10:
            own.append(row)
    return lists


async def dashboard_floor(connection: asyncpg.Connection) -> bytes:
    """The four selects, dictionaries, orjson."""
    workflows = await connection.fetch(_FLOOR[0])
    by_workflow = _grouped(
        await connection.fetch(_FLOOR[1], [row["id"] for row in workflows]), len(workflows)
    )
    executions = [row for rows in by_workflow for row in rows]
    by_execution = _grouped(
        await connection.fetch(_FLOOR[2], [row["id"] for row in executions]), len(executions)
    )
    steps = [row for rows in by_execution for row in rows]
    keys = [row["execution_id"] for row in steps], [row["seq"] for row in steps]
    by_step = iter(_grouped(await connection.fetch(_FLOOR[3], *keys), len(steps)))
    of_execution = iter(by_execution)
    answer = [
        {
            "id": f"wf_{workflow['id'].hex}",
            "name": workflow["name"],
            "executions": [
                {
                    "id": f"exec_{execution['id'].hex}",
                    "status": execution["status"],
                    "steps": [
                        {
                            "id": f"step_{step['execution_id'].hex}_{step['seq']}",
                            "key": step["key"],
                            "status": step["status"],
                            "logs": [
                                {
                                    "id": f"log_{entry['execution_id'].hex}_{entry['seq']}",
                                    "level": "INFO",
                                    "message": entry["message"],
                                    "loggedAt": entry["logged_at"],
                                }
                                for entry in next(by_step)
                            ],
                        }
                        for step in next(of_execution)
                    ],
                }
                for execution in rows
            ],
        }
        for workflow, rows in zip(workflows, by_workflow, strict=True)
    ]
    return orjson.dumps({"data": answer})


async def medians(calls: dict[str, Callable[[], Awaitable[Any]]], times: int = 15) -> dict[str, float]:
    """Milliseconds of each, called in turns, the first three times left out."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(times + 3):
        for name, call in calls.items():
            started = time.perf_counter()
            await call()
            taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(times[3:]) * 1000 for name, times in taken.items()}


async def rate(url: str, body: bytes, seconds: float = 4.0, connections: int = 16) -> float:
    """Requests a second over this many connections."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load", url, str(connections), str(seconds)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate(body)
    return float(out)


@asynccontextmanager
async def floor_server(dsn: str, execution: UUID) -> AsyncIterator[str]:
    """The small read's floor in a process of its own; its address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.floor", dsn, execution.hex), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


async def measure(folder: Path) -> dict[str, Figures]:
    """Every scenario with its floor."""
    postgres = EmbeddedPostgres(folder)
    url = parse_url(postgres.start()).url
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(dsn)
    print("seeding 1,000,000 log entries…", file=sys.stderr)
    await connection.execute(_SEED, timeout=600)
    await connection.execute("VACUUM ANALYZE", timeout=600)
    execution = await connection.fetchval("SELECT id FROM executions LIMIT 1")
    found: dict[str, Figures] = {}
    with server(folder) as flowkeep:
        found["memory idle, MB"] = Figures(flowkeep.memory() / 2**20)
        async with floor_server(dsn, execution) as floor:
            found["small read, requests/s"] = await small_reads(flowkeep.url, floor, execution)
        found["memory after small reads, MB"] = Figures(flowkeep.memory() / 2**20)
        found |= await dashboards(flowkeep.url, connection)
        found["memory after dashboards, MB"] = Figures(flowkeep.memory() / 2**20)
    await connection.close()
    postgres.stop()
    return found


async def small_reads(flowkeep: str, floor: str, execution: UUID, turns: int = 4) -> Figures:
    """Requests a second of both, in turns."""
    body = orjson.dumps({"query": SMALL, "variables": {"id": f"exec_{execution.hex}"}})
    rates = [(await rate(flowkeep, body), await rate(floor, body)) for _ in range(turns)]
    return Figures(*(statistics.median(column) for column in zip(*rates, strict=True)))


async def dashboards(url: str, connection: asyncpg.Connection) -> dict[str, Figures]:
    """Milliseconds of a dashboard, and of one with an error in it."""
    parts = urlsplit(url)
    # One that costs little, for it takes turns with what it measures.
    with closing(HTTPConnection(parts.netloc)) as http:

        def sent(body: bytes) -> bytes:
            http.request("POST", parts.path, body, {"content-type": "application/json"})
            return http.getresponse().read()

        async def ask(document: str, **variables: object) -> bytes:
            return await asyncio.to_thread(sent, orjson.dumps({"query": document, "variables": variables}))

        assert len(await ask(DASHBOARD)) > 1_000_000
        keys = await connection.fetch("SELECT id FROM workflows ORDER BY id DESC LIMIT 20")
        ids = [f"wf_{row['id'].hex}" for row in keys]
        faulty = [*ids[:10], MISSING, *ids[10:]]
        assert b'"errors"' not in await ask(NAMED, ids=ids)
        assert (await ask(NAMED, ids=faulty)).count(b'"NOT_FOUND"') == 1
        taken = await medians(
            {
                "floor": lambda: dashboard_floor(connection),
                "dashboard": lambda: ask(DASHBOARD),
                "without": lambda: ask(NAMED, ids=ids),
                "with": lambda: ask(NAMED, ids=faulty),
            }
        )
    return {
        "dashboard read, ms": Figures(taken["dashboard"], taken["floor"]),
        "dashboard with an error, ms": Figures(taken["with"], taken["without"]),
    }


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    with data_folder() as folder:
        found = asyncio.run(measure(folder))
    print(f"{'':28}{'Flowkeep':>12}{'floor':>12}{'ratio':>8}")
    for name, (flowkeep, floor) in found.items():
        beside = f"{floor:12.1f}{flowkeep / floor:8.2f}" if floor else ""
        print(f"{name:28}{flowkeep:12.1f}{beside}")
    if arguments.json:
        figures = {name: figures._asdict() for name, figures in found.items()}
        arguments.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
