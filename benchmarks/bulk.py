"""What writes cost that are sent many in a call, and claims beside very many executions of others.

`commitSteps` of 100 over 100 executions on 4 connections, in commits a second, beside the floor of
`benchmarks.writing` (one asyncpg INSERT and one commit a write, 16 connections), in turns; `heartbeats` of
1,000 leases in one call; `claimExecutions` of one with few and with 40,000 RUNNING executions of others.

python -m benchmarks.bulk [--seconds 4]
"""

import argparse
import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from operator import truediv
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from benchmarks.stage import data_folder, server
from benchmarks.writing import CONNECTIONS, LINE, PAYLOAD, TURN, WORKFLOW, WRITE, Stage, floor_of, turn
from db.embedded import EmbeddedPostgres
from db.engine import Database
from db.writes.executions import create_execution
from db.writes.workflows import create_workflow

COMMITS = 100
LEASES, CLAIMED = 1000, 100
RUNNING = 40_000
COMMIT = "mutation ($i: CommitStepsInput!) { commitSteps(input: $i) { results { __typename } } }"
BEAT = "mutation ($i: HeartbeatsInput!) { heartbeats(input: $i) { results { __typename } } }"
CLAIM = """mutation ($i: ClaimExecutionsInput!) { claimExecutions(input: $i) {
  __typename ... on ClaimExecutionsPayload { executions { id } } } }"""
# Of others: they run, and their leases last.
OTHERS = """
WITH made AS (
    INSERT INTO executions (id, workflow_id, status, trigger_type, triggered_by, started_at,
                            lease_holder, lease_epoch, lease_expires_at, heartbeat_at, priority)
    SELECT uuidv7(), $1, 'RUNNING', 'API', 'benchmark', now(), 'other', 1, now() + interval '1 hour', now(),
           (SELECT priority FROM executions WHERE workflow_id = $1 LIMIT 1)
    FROM generate_series(1, $2) RETURNING id
)
INSERT INTO states (execution_id) SELECT id FROM made
"""


async def ask(http: httpx.AsyncClient, url: str, document: str, given: dict[str, Any]) -> Any:
    """What a mutation of which nothing was refused has done."""
    answer = (await http.post(url, json={"query": document, "variables": {"i": given}})).json()
    (done,) = (answer.get("data") or {"": None}).values()
    parts = done.get("results", [done]) if done else []
    if not parts or not all(part["__typename"].endswith("Payload") for part in parts):
        raise SystemExit(str(answer)[:500])
    return done


def commits(executions: list[str]) -> list[dict[str, Any]]:
    """A step, a state, a checkpoint and five lines for each."""
    step = {"status": "COMPLETED", "output": {"ok": True}}
    rest = {"checkpoint": {"label": "x"}, "logs": [{"level": "INFO", "message": LINE}] * 5}
    state = {"variablesPatch": PAYLOAD}
    return [
        {"executionId": one, "step": {"key": uuid4().hex, **step}, "state": state, **rest}
        for one in executions
    ]


async def measure_commits(stage: Stage, http: httpx.AsyncClient, ids: list[str], seconds: float) -> None:
    """Commits a second beside inserts a second."""

    async def call() -> None:
        await ask(http, stage.url, COMMIT, {"commits": commits(ids)})

    floor = [floor_of(stage, "saveState", at) for at in range(CONNECTIONS)]
    rates: dict[str, list[float]] = {"commits": [], "floor": []}
    for _ in range(max(3, round(seconds / TURN))):
        rates["commits"].append((await turn([call] * 4, TURN))[0] * COMMITS)
        rates["floor"].append((await turn(floor, TURN))[0])
    made, floor_rate = (statistics.median(rates[name]) for name in ("commits", "floor"))
    share = statistics.median(map(truediv, rates["commits"], rates["floor"]))
    print(f"commitSteps: {made:.0f} commits/s, {share:.2f} of the floor's {floor_rate:.0f} inserts/s")


async def median_ms(calls: int, call: Any) -> float:
    """How long one takes after the other."""
    times = []
    for _ in range(calls):
        before = time.perf_counter()
        await call()
        times.append((time.perf_counter() - before) * 1e3)
    return statistics.median(times)


async def measure(folder: Path, seconds: float) -> None:
    """All of it, a line each."""
    postgres = EmbeddedPostgres(folder)
    url = postgres.start()
    async with AsyncExitStack() as stack:
        stack.callback(postgres.stop)
        database = Database(url)
        stack.push_async_callback(database.close)
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        workflow = await create_workflow(database, WRITE, {**WORKFLOW, "environment": "STAGING"})
        starting = {"trigger_type": "API"}
        made = [await create_execution(database, WRITE, workflow, starting, {}) for _ in range(LEASES)]
        floor = [await asyncpg.connect(url.replace("+asyncpg", "")) for _ in range(CONNECTIONS)]
        for connection in floor:
            stack.push_async_callback(connection.close)
        await floor[0].execute("CREATE TABLE floor_writes (id uuid PRIMARY KEY, data jsonb)")
        flowkeep = stack.enter_context(server(folder))
        stage = Stage(database, flowkeep.url, floor, workflow, made)
        await measure_commits(stage, http, [f"exec_{one.hex}" for one in made[:COMMITS]], seconds)

        for _ in range(LEASES // CLAIMED):
            await ask(http, stage.url, CLAIM, {"holder": "engine", "ttl": "PT1H", "limit": CLAIMED})
        beats = [{"executionId": f"exec_{one.hex}", "holder": "engine"} for one in made]
        took = await median_ms(20, lambda: ask(http, stage.url, BEAT, {"heartbeats": beats}))
        print(f"heartbeats: {took:.1f} ms for {LEASES} leases in a call")

        for _ in range(400):
            await create_execution(database, WRITE, workflow, starting, {})
        claim = {"holder": "engine", "limit": 1}
        few = await median_ms(200, lambda: ask(http, stage.url, CLAIM, claim))
        await floor[0].execute(OTHERS, workflow, RUNNING)
        await floor[0].execute("ANALYZE executions")
        many = await median_ms(200, lambda: ask(http, stage.url, CLAIM, claim))
        print(f"claimExecutions: {few:.1f} ms, {many:.1f} ms beside {RUNNING} RUNNING ones of others")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4, help="how long commits run, in all their turns")
    arguments = parser.parse_args()
    with data_folder() as folder:
        asyncio.run(measure(folder, arguments.seconds))


if __name__ == "__main__":
    main()
