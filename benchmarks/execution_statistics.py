"""How long statistics take over a million executions.

    python benchmarks/execution_statistics.py [EXECUTIONS]

Fills a fresh embedded PostgreSQL (fsync on) with executions of the last 30 days, a step each, and prints the
quickest of three runs of each statement.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from db.embedded import EmbeddedPostgres
from db.engine import Database
from db.ids import milliseconds
from db.migrate import migrate
from db.partitions import cover
from db.queries.failures import fetch_error_groups
from db.queries.filters import ExecutionFilter, StepFilter
from db.queries.predicates import TimeRange
from db.queries.statistics import Grouping, covered, fetch_execution_stats, fetch_retries, fetch_step_stats

WORKFLOWS = 50
ID = "(lpad(to_hex({base} + n::bigint * {apart}), 12, '0') || '70008' || lpad(to_hex(n), 15, '0'))::uuid"
FILL = """
INSERT INTO workflows (id, name, version, status, definition, priority, environment, created_by)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'workflow ' || n, '1', 'ACTIVE',
       '{{}}', 'NORMAL', 'PRODUCTION', 'bench' FROM generate_series(1, {workflows}) n;
INSERT INTO executions (id, workflow_id, status, trigger_type, triggered_by, error, created_at, started_at,
                        completed_at)
SELECT {id}, ('00000000-0000-7000-8000-' || lpad(to_hex(1 + n % {workflows}), 12, '0'))::uuid,
       CASE WHEN n % 20 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, 'API', 'bench',
       CASE WHEN n % 20 = 0 THEN json_build_object('message', 'no row ' || n || ' in ' || n % 9) END,
       at, at + random() * interval '5 s', at + interval '5 s' - ln(1 - random()) * interval '1 minute'
FROM generate_series(1, {rows}) n,
     LATERAL (SELECT to_timestamp(({base} + n::bigint * {apart}) / 1000.0) AS at) t;
INSERT INTO steps (execution_id, seq, key, attempt, name, type, status, started_at, completed_at)
SELECT id, 1, 'step ' || right(workflow_id::text, 1), 1, 'Step', 'task', status, started_at,
       completed_at
FROM executions;
"""
Measured = Callable[[Any], Awaitable[Any]]


async def fill(database: Database, rows: int, start: datetime) -> None:
    """Executions at even distances from `start` on, and their steps."""
    apart = int(timedelta(days=29) / timedelta(milliseconds=1)) // rows
    base = milliseconds(start)
    await cover(database, [start + timedelta(days=days) for days in range(31)])
    names = {"base": base, "apart": apart, "rows": rows, "workflows": WORKFLOWS}
    async with database.maintaining() as connection:
        await connection.execute(FILL.format(id=ID.format(**names), **names))
    async with database.reading() as connection:
        await connection.execute("VACUUM (ANALYZE) executions, steps, workflows")


def statements(now: datetime) -> dict[str, Measured]:
    """What is measured, by name."""
    month, _ = covered(ExecutionFilter(), now)
    day, _ = covered(ExecutionFilter(created=TimeRange(gte=now - timedelta(days=2))), now)
    by = Grouping(("WORKFLOW",))
    return {
        "executionStats, all in one": lambda c: fetch_execution_stats(c, Grouping(), month, [None]),
        "executionStats by workflow, all": lambda c: fetch_execution_stats(c, by, month, [None]),
        "executionStats by hour, all": lambda c: fetch_execution_stats(
            c, Grouping.of(["HOUR"], None), month, [None]
        ),
        "executionStats by workflow, the last two days": lambda c: fetch_execution_stats(c, by, day, [None]),
        "executionStats of one workflow": lambda c: fetch_execution_stats(
            c, Grouping(), ExecutionFilter(workflow_name="workflow 7", created=month.created), [None]
        ),
        "its retries by workflow, all": lambda c: fetch_retries(c, by, month, [None]),
        "stepStats, all": lambda c: fetch_step_stats(c, month, StepFilter(), "SLOWEST", 50),
        "errorGroups, all": lambda c: fetch_error_groups(c, month, 50),
        "errorGroups, the last two days": lambda c: fetch_error_groups(c, day, 50),
    }


async def measure(url: str, rows: int) -> None:
    """Fill a database and print the times."""
    database = Database(url)
    await migrate(database)
    now = datetime.now(UTC)
    await fill(database, rows, now - timedelta(days=30) + timedelta(minutes=5))
    async with database.reading() as connection:
        for name, run in statements(now).items():
            times = []
            for _ in range(3):
                begun = perf_counter()
                await run(connection)
                times.append(perf_counter() - begun)
            sys.stdout.write(f"{name}: {min(times) * 1000:.0f} ms\n")
    await database.close()


def main() -> None:
    """A million executions, unless told."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="flowkeep-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder) as url:
            asyncio.run(measure(url, rows))


if __name__ == "__main__":
    main()
