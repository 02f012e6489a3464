"""Reads about executions beyond lists: their latest checkpoints and what the server derives of them."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from db.enums import StepStatus
from db.queries.batch import EXECUTION, fetch_many, fetch_one
from db.queries.sources import CHECKPOINTS

_LATEST_CHECKPOINT = (
    f"SELECT {CHECKPOINTS.columns} FROM checkpoints c WHERE c.execution_id = p.execution_id "
    "ORDER BY c.seq DESC LIMIT 1"
)

_COUNTED = ",\n           ".join(
    f"count(*) FILTER (WHERE s.status = '{status}'{last}) AS {prefix}{status.lower()}"
    for prefix, last in (("", ""), ("last_", " AND s.last"))
    for status in StepStatus
)
_DERIVED_METRICS = f"""
SELECT derived.*, reported.values::text AS reported
FROM (
    SELECT count(*) AS attempts,
           count(*) FILTER (WHERE s.last) AS steps,
           count(*) FILTER (WHERE NOT s.last) AS retries,
           {_COUNTED},
           extract(epoch FROM sum(s.completed_at - s.started_at))::float8 AS busy_seconds
    FROM (
        SELECT s.status, s.started_at, s.completed_at,
               lead(s.attempt) OVER (PARTITION BY s.key ORDER BY s.attempt) IS NULL AS last
        FROM steps s WHERE s.execution_id = p.execution_id
    ) s
) derived CROSS JOIN (
    SELECT coalesce(json_object_agg(m.name, m.value), '{{}}') AS values
    FROM (
        SELECT DISTINCT ON (m.name) m.name, m.value FROM metric_points m
        WHERE m.execution_id = p.execution_id AND m.step_seq IS NULL
        ORDER BY m.name, m.seq DESC
    ) m
) reported
"""


async def fetch_latest_checkpoints(
    connection: asyncpg.Connection, executions: Sequence[UUID]
) -> list[asyncpg.Record | None]:
    """The newest checkpoint of each execution; None where it has none."""
    keys = [(execution,) for execution in executions]
    return await fetch_one(connection, EXECUTION, keys, _LATEST_CHECKPOINT)


async def fetch_metrics(connection: asyncpg.Connection, executions: Sequence[UUID]) -> list[asyncpg.Record]:
    """What the server derives from each execution's steps, and the last values that its engine reported."""
    keys = [(execution,) for execution in executions]
    return [row for (row,) in await fetch_many(connection, EXECUTION, keys, _DERIVED_METRICS)]
