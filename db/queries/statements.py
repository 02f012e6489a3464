"""Which SQL statements the database spends its time on, as pg_stat_statements counts them."""

from datetime import datetime
from typing import NamedTuple

from db.engine import Database
from db.extensions import Extension, presence

# As much of a statement as tells which one it is.
_TEXT = 4_000
_COSTLIEST = f"""
SELECT left(text, {_TEXT}), calls, total, total / calls, rows, total / nullif(sum(total) OVER (), 0)
FROM (
    SELECT min(query) AS text, sum(calls)::bigint AS calls, sum(total_exec_time) AS total,
           sum(rows)::bigint AS rows
    FROM {{schema}}.pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND calls > 0
    GROUP BY queryid
) AS statement
ORDER BY total DESC
LIMIT $1
"""
_SINCE = "SELECT stats_reset FROM {schema}.pg_stat_statements_info"


class Cost(NamedTuple):
    """A statement, its constants replaced by parameters; times in milliseconds.

    `share` is the part of the time of all statements of this database, None where that is nothing.
    """

    text: str
    calls: int
    total: float
    mean: float
    rows: int
    share: float | None


class Costs(NamedTuple):
    """The costliest statements since a moment; or why they can't be told."""

    costliest: list[Cost]
    since: datetime | None
    missing: str | None


async def costliest(database: Database, most: int) -> Costs:
    """The statements of this database on which it spent most, the costliest first."""
    async with database.reading() as connection:
        schema, missing = await presence(connection, Extension.STATEMENTS)
        if schema is None:
            return Costs([], None, missing)
        rows = await connection.fetch(_COSTLIEST.format(schema=schema), most)
        since = await connection.fetchval(_SINCE.format(schema=schema))
    return Costs([Cost(*row) for row in rows], since, None)
