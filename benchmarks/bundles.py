"""How fast executions go out and in, and whether memory stays flat: `python benchmarks/bundles.py`.

Makes an execution with 50,000 and one with 500,000 log entries of 200 bytes, and 2,000 small ones with ten
steps and ten events each, in an embedded PostgreSQL (fsync on). Each lot is exported with the command itself
and imported into a second database; prints lines per second, the bundle's size and the peak of memory.
"""

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from sqlalchemy.engine import make_url

from db.embedded import EmbeddedPostgres
from db.ids import uuid7

FLOWKEEP = str(Path(sys.executable).with_name("flowkeep"))
_WORKFLOW = """
INSERT INTO workflows (id, name, version, status, definition, priority, environment, created_by)
VALUES ($1, $2, '1', 'ACTIVE', '{}', 'NORMAL', 'PRODUCTION', 'benchmark')
"""
_EXECUTION = """
INSERT INTO executions (id, workflow_id, status, trigger_type, triggered_by)
VALUES ($1, $2, 'PENDING', 'API', 'benchmark')
"""
_LOGS = """
WITH counted AS (UPDATE executions SET log_seq = $2::int WHERE id = $1)
INSERT INTO log_entries (execution_id, seq, level, message, logged_at)
SELECT $1, n, 20, repeat(md5(n::text), 6), now() FROM generate_series(1, $2::int) n
"""
_STEPS = """
WITH counted AS (UPDATE executions SET step_seq = 10 WHERE workflow_id = $1)
INSERT INTO steps (execution_id, seq, key, attempt, name, type, status, input)
SELECT x.id, n, 's' || n, 1, 'step', 'task', 'PENDING', '{"program": "python", "rows": [1, 2, 3]}'
FROM executions x, generate_series(1, 10) n WHERE x.workflow_id = $1
"""
_EVENTS = """
WITH counted AS (UPDATE executions SET event_seq = 10 WHERE workflow_id = $1)
INSERT INTO events (execution_id, seq, type, actor, changes)
SELECT x.id, n, 'STEP_CREATED', 'engine', '{"status": {"after": "PENDING"}}'
FROM executions x, generate_series(1, 10) n WHERE x.workflow_id = $1
"""


async def fill(url: str) -> None:
    """Make the lots: each an own workflow."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    for name, number, logs in (("medium", 1, 50_000), ("large", 1, 500_000), ("many", 2_000, 0)):
        await connection.execute(_WORKFLOW, workflow := uuid7(), name)
        keys = [uuid7() for _ in range(number)]
        await connection.executemany(_EXECUTION, [(key, workflow) for key in keys])
        if logs:
            await connection.execute(_LOGS, keys[0], logs)
        else:
            await connection.execute(_STEPS, workflow)
            await connection.execute(_EVENTS, workflow)
    await connection.execute("CREATE DATABASE other")
    await connection.close()


def flowkeep(url: str, *arguments: str) -> dict[str, Any]:
    """Run the command; its summary, with the peak of memory of all so far in MB."""
    done = subprocess.run(
        [FLOWKEEP, *arguments],
        env={**os.environ, "FLOWKEEP_DATABASE_URL": url},
        check=True,
        capture_output=True,
    )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    return {**(orjson.loads(done.stdout) if "--json" in arguments else {}), "peak": peak}


def main() -> None:
    """Export and import lot by lot."""
    with tempfile.TemporaryDirectory(prefix="flowkeep-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "data") as url:
            other = make_url(url).set(database="other").render_as_string(hide_password=False)
            flowkeep(url, "migrate")
            asyncio.run(fill(url))
            flowkeep(other, "migrate")
            for lot in ("medium", "large", "many"):
                file = folder / f"{lot}.zst"
                chosen = orjson.dumps({"workflowName": {"eq": lot}}).decode()
                out = flowkeep(url, "export", "--filter", chosen, "--output", str(file), "--json")
                back = flowkeep(other, "import", "bundle", str(file), "--json")
                sys.stdout.write(
                    f"{lot}: {out['lines']:,} lines, {file.stat().st_size / 1e3:,.0f} kB; "
                    f"out {out['seconds']:.1f} s ({out['lines'] / out['seconds']:,.0f}/s), "
                    f"in {back['seconds']:.1f} s ({back['rows'] / back['seconds']:,.0f} rows/s); "
                    f"peak memory so far {out['peak']} and {back['peak']} MB\n"
                )


if __name__ == "__main__":
    main()
