"""Reads about steps beyond lists: what was done between two events."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from db.queries.sources import STEPS

_DONE_BETWEEN = f"""
SELECT p.ord AS key_ord, {STEPS.columns}
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS p(execution_id, low, high, ord)
JOIN steps c ON c.execution_id = p.execution_id AND c.event_seq > p.low AND c.event_seq <= p.high
WHERE c.status IN ('COMPLETED', 'SKIPPED')
ORDER BY p.ord, c.event_seq
"""


async def fetch_done_between(
    connection: asyncpg.Connection, spans: Sequence[tuple[UUID, int, int]]
) -> list[list[asyncpg.Record]]:
    """The attempts of each (execution id, event, event) that were done after the first and by the second."""
    rows = await connection.fetch(_DONE_BETWEEN, *map(list, zip(*spans, strict=True)))
    done: list[list[asyncpg.Record]] = [[] for _ in spans]
    for row in rows:
        done[row["key_ord"] - 1].append(row)
    return done
