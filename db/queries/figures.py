"""What monitors watch of the executions and of retention, each by an index and in one statement."""

from collections.abc import Mapping
from dataclasses import dataclass

from db.engine import Database
from db.enums import LIVE_EXECUTION, quoted
from db.queries.sources import ORPHANED_EXECUTIONS

ENDED_WITHIN = "1 hour"

_OPEN = f"""
    SELECT status, count(*) FROM executions WHERE status IN {quoted(LIVE_EXECUTION)} GROUP BY status
"""
_ORPHANED = f"SELECT count(*) FROM executions c WHERE {ORPHANED_EXECUTIONS.condition}"
_ENDED = f"""
    SELECT status, count(*) FROM executions
    WHERE coalesce(completed_at, '9999-12-31Z'::timestamptz)
              >= statement_timestamp() - interval '{ENDED_WITHIN}'
      AND completed_at IS NOT NULL
    GROUP BY status
"""
_DELETED = """
    SELECT gone.key AS kind, sum(gone.value::bigint)::bigint AS rows
    FROM retention_runs r CROSS JOIN LATERAL json_each_text(r.deleted) AS gone GROUP BY gone.key
"""
_RETENTION_ENDED = """
    SELECT extract(epoch FROM max(finished_at))::float8 FROM retention_runs WHERE status = 'COMPLETED'
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Executions that are open, by status, and how many of those that run are orphaned; those that ended
    within the last hour, by status; the rows that retention has deleted, by kind, as its receipts say, and
    when its last run came to its end, in seconds since 1970, None where there was none."""

    open: Mapping[str, int]
    orphaned: int
    ended: Mapping[str, int]
    deleted: Mapping[str, int]
    retention_ended: float | None


async def measure(database: Database) -> Figures:
    """Count; raises `Unavailable` where the database does not answer."""
    async with database.reading() as connection:
        return Figures(
            open=dict(await connection.fetch(_OPEN)),
            orphaned=await connection.fetchval(_ORPHANED),
            ended=dict(await connection.fetch(_ENDED)),
            deleted=dict(await connection.fetch(_DELETED)),
            retention_ended=await connection.fetchval(_RETENTION_ENDED),
        )
