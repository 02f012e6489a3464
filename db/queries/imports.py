"""What was imported into an execution's log: the events of it are the record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from db.errors import NotFound
from db.importing.marks import Mark

_MARKS = """
SELECT e.seq, e.outcome FROM executions x
LEFT JOIN events e ON e.execution_id = x.id AND e.type = 'LOGS_IMPORTED'
     AND e.idempotency_key >= 'import:' AND e.idempotency_key < 'import;'
WHERE x.id = $1
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """The marks of all files that were taken in, and the number of the last event of it, 0 without any."""

    marks: Sequence[Mark]
    event: int


async def fetch_imported(connection: asyncpg.Connection, execution_id: UUID) -> Imported:
    """What an execution's log has of files; raises `NotFound` for an unknown execution."""
    rows = await connection.fetch(_MARKS, execution_id)
    if not rows:
        raise NotFound("execution", f"exec_{execution_id.hex}")
    marks = [_mark(row["outcome"]) for row in rows if row["outcome"] is not None]
    return Imported(marks, max(row["seq"] or 0 for row in rows))


def _mark(outcome: str) -> Mark:
    fields = orjson.loads(outcome)
    return Mark(**{**fields, "logged_at": datetime.fromisoformat(fields["logged_at"])})
