"""What a database comes to as it fills: its size, what people ask of it, and what those who run it do.

    python -m benchmarks.growing [LINES …] [--json FILE]

For each number of log entries (a million and ten million unless told) a fresh embedded PostgreSQL, fsync on,
is filled with executions of the last 90 days: a hundred lines, ten steps, thirty events, ten checkpoints, ten
versions of the state and three metric points each. Then a service is asked what the dashboard asks, one at a
time, and takes saves; and the commands of the guide for operators are timed: a dump and its restoration,
retention by whole months and row by row, and all migrations.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from benchmarks.execution_statistics import ID, WORKFLOWS, statements
from benchmarks.stage import FLOWKEEP, Client, client, data_folder, environment, server
from db.embedded import EmbeddedPostgres
from db.embedded.installations import programs_folder
from db.engine import Database
from db.ids import milliseconds
from db.partitions import TREE, cover

LINES, STEPS, VERSIONS, EVENTS = 100, 10, 10, 30  # of one execution
DAYS = 90
_BATCH = 10_000  # executions a statement, so that progress can be told
_WORKFLOWS = """
INSERT INTO workflows (id, name, version, status, definition, priority, environment, created_by)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'workflow ' || n, '1', 'ACTIVE',
       '{}', 'NORMAL', 'PRODUCTION', 'bench' FROM generate_series(1, $1::int) n
"""
_EXECUTIONS = """
CREATE TEMP TABLE lot ON COMMIT DROP AS
SELECT {id} AS id, n, to_timestamp(({base} + n::bigint * {apart}) / 1000.0) AS at
FROM generate_series({first}, {last}) n;
INSERT INTO executions (id, workflow_id, status, trigger_type, triggered_by, error, created_at, started_at,
                        completed_at, event_seq, log_seq, step_seq, checkpoint_seq, metric_seq)
SELECT id, ('00000000-0000-7000-8000-' || lpad(to_hex(1 + n % {workflows}), 12, '0'))::uuid,
       CASE WHEN n % 20 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, 'API', 'bench',
       CASE WHEN n % 20 = 0 THEN json_build_object('message', 'no row ' || n || ' in ' || n % 9) END,
       at, at + interval '1 s', at + interval '1 minute', {events}, {lines}, {steps}, {versions}, 3 FROM lot;
INSERT INTO states (execution_id, version, checkpoint_seq) SELECT id, {versions}, {versions} FROM lot;
INSERT INTO steps (execution_id, seq, key, attempt, name, type, status, input, output, started_at,
                   completed_at)
SELECT id, s, 'step-' || s, 1, 'Step ' || s, 'task', 'COMPLETED', '{{"table": "orders", "rows": [1, 2, 3]}}',
       '{{"written": 1234}}', at + s * interval '5 s', at + s * interval '5.8 s'
FROM lot, generate_series(1, {steps}) s;
INSERT INTO log_entries (execution_id, seq, step_seq, level, message, logged_at)
SELECT id, l, 1 + (l - 1) / {per_step}, CASE WHEN l % 50 = 0 THEN 40 ELSE 20 END,
       'took block ' || md5(n || '.' || l) || ' from 10.250.19.102:54106 to 10.250.19.102:50010, rest ' || l,
       at + l * interval '0.5 s'
FROM lot, generate_series(1, {lines}) l;
INSERT INTO events (execution_id, seq, type, actor, at, changes)
SELECT id, s, 'STEP_COMPLETED', 'engine', at + s * interval '2 s',
       '{{"status": {{"before": "RUNNING", "after": "COMPLETED"}}}}' FROM lot, generate_series(1, {events}) s;
INSERT INTO state_entries (execution_id, key, version, op, value)
SELECT id, 'cursor', v, 'SET', jsonb_build_object('page', v, 'token', md5(n || ' ' || v))
FROM lot, generate_series(1, {versions}) v;
INSERT INTO checkpoints (execution_id, seq, parent_seq, step_key, label, state_version, event_seq, created_by)
SELECT id, s, nullif(s - 1, 0), 'step-' || s, 'after step ' || s, s, s * 3, 'engine'
FROM lot, generate_series(1, {versions}) s;
INSERT INTO metric_points (execution_id, seq, name, value)
SELECT id, s, 'cpu', random() FROM lot, generate_series(1, 3) s;
"""
_PAGE = """query ($id: ID!) { execution(id: $id) { id status createdAt
  steps(first: 50) { nodes { id key status } } logs(last: 100) { nodes { id level message loggedAt } }
  checkpoints(last: 10) { nodes { id label } } } }"""
_ASKED = {
    "50 newest executions": "{ executions(first: 50) { nodes { id status createdAt workflow { name } } } }",
    "50 that failed": "{ executions(first: 50, filter: {status: [FAILED]}) "
    "{ nodes { id status error { message } } } }",
    "a page of an execution": _PAGE,
    "its log searched": "query ($id: ID!) { execution(id: $id) "
    '{ logs(filter: {text: "rest 77"}) { nodes { message } } } }',
}
_SAVE = (
    "mutation ($i: SaveStateInput!) { saveState(input: $i) { __typename ... on SaveStatePayload "
    "{ state { version } } } }"
)
_CREATE = (
    'mutation { createExecution(input: {workflowId: "wf_00000000000070008000000000000001"}) '
    "{ ... on ExecutionPayload { execution { id } } } }"
)
Figures = dict[str, float]


def told(what: str) -> None:
    """Say what is being done, on standard error."""
    print(what, end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)


async def fill(database: Database, executions: int) -> None:
    """Executions at even distances over the last 90 days."""
    start = datetime.now(UTC) - timedelta(days=DAYS) + timedelta(minutes=5)
    apart = int(timedelta(days=DAYS - 1) / timedelta(milliseconds=1)) // executions
    names: dict[str, Any] = {"base": milliseconds(start), "apart": apart, "workflows": WORKFLOWS}
    names |= {"lines": LINES, "steps": STEPS, "versions": VERSIONS, "events": EVENTS}
    names["per_step"] = LINES // STEPS
    await cover(database, [start + timedelta(days=days) for days in range(DAYS + 2)])
    async with database.maintaining() as connection:
        await connection.execute(_WORKFLOWS, WORKFLOWS)
    for first in range(1, executions + 1, _BATCH):
        last = min(first + _BATCH - 1, executions)
        async with database.maintaining() as connection:
            await connection.execute(
                _EXECUTIONS.format(id=ID.format(**names), first=first, last=last, **names)
            )
        told(f"filling: {last * LINES:,} of {executions * LINES:,} log entries")
    async with database.reading() as connection:
        await connection.execute("VACUUM (ANALYZE)")


async def sizes(connection: asyncpg.Connection, executions: int) -> Figures:
    """Bytes of the tables with their indexes, for one execution."""
    found = {}
    for table in TREE:
        size = await connection.fetchval(
            "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree($1::regclass)", table
        )
        found[table] = int(size) / executions
    return {"KB an execution": sum(found.values()) / 1024} | {
        f"KB of them {table}": size / 1024 for table, size in found.items()
    }


async def median(call: Callable[[], Awaitable[object]], times: int = 30) -> float:
    """The median in milliseconds, the first three times left out."""
    taken = []
    for _ in range(times + 3):
        begun = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[3:]) * 1000


async def latencies(asked: Client, ids: list[str], live: str) -> Figures:
    """What people ask and an engine saves, one at a time, over HTTP."""
    at: Iterator[int] = iter(range(10**9))

    async def read(document: str) -> None:
        await asked.ask(document, **({"id": ids[next(at) % len(ids)]} if "$id" in document else {}))

    async def save() -> None:
        answer = await asked.ask(_SAVE, i={"executionId": live, "variablesPatch": {"n": next(at)}})
        assert answer["saveState"]["__typename"] == "SaveStatePayload", answer

    found = {f"ms, {name}": await median(lambda d=document: read(d)) for name, document in _ASKED.items()}
    return found | {"ms, saveState": await median(save, 100)}


async def sums(database: Database) -> Figures:
    """The statistics over a month, as the dashboard has them."""
    found = {}
    async with database.reading() as connection:
        for name, run in statements(datetime.now(UTC)).items():
            found[f"ms, {name}"] = await median(lambda r=run: r(connection), 3)
    return found


def timed(what: str, *command: str, folder: Path | None = None, **more: str) -> Figures:
    """The seconds that a command takes."""
    told(f"{what} …")
    begun = time.perf_counter()
    run_environment = (environment(folder) if folder else dict(os.environ)) | more
    done = subprocess.run(command, env=run_environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{what}: {done.stderr}")
    seconds = time.perf_counter() - begun
    told(f"{what}: {seconds:.1f} s")
    return {f"s, {what}": seconds}


async def operated(folder: Path, url: str, database: Database) -> Figures:
    """What is done to a database that has filled, by the commands that the guide for operators names."""
    programs, dump = programs_folder(Path("/nonexistent"), None, None), folder.parent / "dump"
    own = make_url(url).set(drivername="postgresql")
    plain = own.render_as_string(hide_password=False)
    found = timed("pg_dump", str(programs / "pg_dump"), "--format=custom", f"--file={dump}", plain)
    found["MB of the dump"] = dump.stat().st_size / 2**20
    async with database.reading() as connection:
        await connection.execute("CREATE DATABASE restored TEMPLATE template0")
    target = own.set(database="restored").render_as_string(hide_password=False)
    found |= timed(
        *("pg_restore, two jobs", str(programs / "pg_restore"), "--no-owner", "--jobs=2"),
        f"--dbname={target}",
        str(dump),
    )
    async with database.reading() as connection:
        await connection.execute("DROP DATABASE restored")
    dump.unlink()
    before = await left(database)
    for what, policy in (
        ("retention, whole months dropped", ("whole", "--executions", "62d")),
        ("retention, logs, row by row", ("logs", "--logs", "55d")),
        ("retention, executions, row by row", ("rest", "--executions", "52d")),
    ):
        timed("a policy", FLOWKEEP, "retention", "create", *policy, folder=folder)
        found |= timed(what, FLOWKEEP, "retention", "apply", policy[0], folder=folder)
        after = await left(database)
        gone = sum(before.values()) - sum(after.values())
        found |= {f"rows a second, {what}": gone / found[f"s, {what}"]}
        before = after
    found |= timed("migrate, nothing to do", FLOWKEEP, "migrate", folder=folder)
    timed("back to the first revision", FLOWKEEP, "migrate", "--to", "0001", "--yes", folder=folder)
    return found | timed("migrate, all revisions", FLOWKEEP, "migrate", folder=folder)


async def left(database: Database) -> dict[str, int]:
    """How many rows each table has."""
    async with database.reading() as connection:
        return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in TREE}


async def measure(folder: Path, lines: int) -> Figures:
    """All figures at so many log entries."""
    executions = lines // LINES
    postgres = EmbeddedPostgres(folder)
    url = postgres.start()
    database = Database(url)
    try:
        begun = time.perf_counter()
        await fill(database, executions)
        told(f"filled in {time.perf_counter() - begun:.0f} s")
        async with database.reading() as connection:
            found = await sizes(connection, executions)
            keys = await connection.fetch("SELECT id FROM executions TABLESAMPLE BERNOULLI (1) LIMIT 200")
        told("asking …")
        with server(folder) as flowkeep:
            async with client(flowkeep.url) as asked:
                made = await asked.ask(_CREATE)
                live = made["createExecution"]["execution"]["id"]
                found |= await latencies(asked, [f"exec_{row['id'].hex}" for row in keys], live)
        told("statistics …")
        found |= await sums(database)
        told("\n".join(f"{name}: {figure:.1f}" for name, figure in found.items()))
        return found | await operated(folder, url, database)
    finally:
        await database.close()
        postgres.stop()


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lines", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    found = {}
    for lines in arguments.lines:
        with data_folder() as folder:
            found[lines] = asyncio.run(measure(folder, lines))
    print(f"{'':52}" + "".join(f"{lines:>14,}" for lines in found))
    for name in next(iter(found.values())):
        print(f"{name:52}" + "".join(f"{figures[name]:14,.1f}" for figures in found.values()))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
