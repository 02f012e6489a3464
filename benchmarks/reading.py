"""Reads over HTTP beside their floors: the same statements without GraphQL, in the same run.

    python benchmarks/reading.py [--json FILE]

The floor of the dashboard is its four batched selects, dictionaries and orjson in this process; that of the
small read is a bare Starlette route with two selects, served like Flowkeep.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx
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


async def median(call: Callable[[], Awaitable[Any]], times: int = 15) -> float:
    """Milliseconds of one call, the first three left out."""
    taken = []
    for _ in range(times + 3):
        started = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[3:]) * 1000


async def rate(url: str, body: bytes, seconds: float = 6.0, connections: int = 16) -> float:
    """Requests a second over this many connections."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load", url, str(connections), str(seconds)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate(body)
    return float(out)


async def measure(folder: Path) -> dict[str, dict[str, float]]:
    """Every scenario with its floor."""
    postgres = EmbeddedPostgres(folder)
    url = parse_url(postgres.start()).url
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(dsn)
    print("seeding 1,000,000 log entries…", file=sys.stderr)
    await connection.execute(_SEED, timeout=600)
    await connection.execute("ANALYZE", timeout=600)
    found: dict[str, dict[str, float]] = {}
    with server(folder) as flowkeep:
        async with httpx.AsyncClient(timeout=60, verify=False) as http:

            async def ask() -> bytes:
                answer = await http.post(flowkeep.url, json={"query": DASHBOARD})
                return answer.content

            assert len(await ask()) > 1_000_000
            floor = await median(lambda: dashboard_floor(connection))
            found["dashboard read, ms"] = {"flowkeep": await median(ask), "floor": floor}
        execution = await connection.fetchval("SELECT id FROM executions LIMIT 1")
        small = orjson.dumps({"query": SMALL, "variables": {"id": f"exec_{execution.hex}"}})
        flow = await rate(flowkeep.url, small)
        found["memory after, MB"] = {"flowkeep": flowkeep.memory() / 2**20}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.floor", dsn, execution.hex), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    address = (await process.stdout.readline()).decode().strip()
    found["small read, requests/s"] = {"flowkeep": flow, "floor": await rate(address, small)}
    process.terminate()
    await process.wait()
    await connection.close()
    postgres.stop()
    return found


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    with data_folder() as folder:
        found = asyncio.run(measure(folder))
    print(f"{'':28}{'Flowkeep':>12}{'floor':>12}{'ratio':>8}")
    for name, figures in found.items():
        floor = figures.get("floor")
        ratio = f"{figures['flowkeep'] / floor:8.2f}" if floor else ""
        print(f"{name:28}{figures['flowkeep']:12.1f}{floor or 0:12.1f}{ratio}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
