"""Reads about steps beyond lists: what was done between two events."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from db.queries.batch import EXECUTION, fetch_many
from db.queries.sources import STEPS

_SPAN = {**EXECUTION, "low": "bigint", "high": "bigint"}
_DONE_BETWEEN = f"""
SELECT {STEPS.columns} FROM steps c
WHERE c.execution_id = p.execution_id AND c.event_seq > p.low AND c.event_seq <= p.high
  AND c.status IN ('COMPLETED', 'SKIPPED')
ORDER BY c.event_seq
"""


async def fetch_done_between(
    connection: asyncpg.Connection, spans: Sequence[tuple[UUID, int, int]]
) -> list[list[asyncpg.Record]]:
    """The attempts of each (execution id, event, event) that were done after the first and by the second."""
    return await fetch_many(connection, _SPAN, spans, _DONE_BETWEEN)
