"""Reading variables back from their versioned rows, at any version, for many executions at once."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

# For every key of every asked-for state: its last SET or DELETE at or before the version, found by
# stepping from key to key through the primary key (a loose index scan: a key with many versions costs no
# more than one with few), then the APPENDs after it.
_ENTRIES_AT = """
WITH RECURSIVE asked AS (
    SELECT execution_id, version, ord
    FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS a(execution_id, version, ord)
), keys AS (
    SELECT a.ord, a.execution_id, a.version,
           (SELECT min(e.key) FROM state_entries e
            WHERE e.execution_id = a.execution_id AND e.field = $3) AS key
    FROM asked a
    UNION ALL
    SELECT k.ord, k.execution_id, k.version,
           (SELECT min(e.key) FROM state_entries e
            WHERE e.execution_id = k.execution_id AND e.field = $3 AND e.key > k.key)
    FROM keys k WHERE k.key IS NOT NULL
)
SELECT k.ord, k.key, e.op, e.value::text AS value
FROM keys k
LEFT JOIN LATERAL (
    SELECT e.version FROM state_entries e
    WHERE e.execution_id = k.execution_id AND e.field = $3 AND e.key = k.key
      AND e.version <= k.version AND e.op <> 'APPEND'
    ORDER BY e.version DESC LIMIT 1
) base ON true
CROSS JOIN LATERAL (
    SELECT e.op, e.value, e.version FROM state_entries e
    WHERE e.execution_id = k.execution_id AND e.field = $3 AND e.key = k.key
      AND e.version >= coalesce(base.version, 0) AND e.version <= k.version
    ORDER BY e.version
) e
WHERE k.key IS NOT NULL
ORDER BY k.ord, k.key, e.version
"""


def _fold(values: list[str]) -> str:
    """One JSON value from a SET and the lists appended to it, by splicing their texts."""
    if len(values) == 1:
        return values[0]
    return f"[{', '.join(inner for value in values if (inner := value[1:-1].strip()))}]"


async def fetch_variables(
    connection: asyncpg.Connection, states: Sequence[tuple[UUID, int]]
) -> list[dict[str, str]]:
    """The variables of each (execution id, version), as JSON texts by key; one statement for all."""
    return await _fetch_entries(connection, states, field=False)


async def fetch_fields(
    connection: asyncpg.Connection, states: Sequence[tuple[UUID, int]]
) -> list[dict[str, str]]:
    """The state's own fields (`current_step` and so on) of each, in the same form."""
    return await _fetch_entries(connection, states, field=True)


async def _fetch_entries(
    connection: asyncpg.Connection, states: Sequence[tuple[UUID, int]], *, field: bool
) -> list[dict[str, str]]:
    rows = await connection.fetch(
        _ENTRIES_AT, [execution for execution, _ in states], [version for _, version in states], field
    )
    parts: list[dict[str, list[str]]] = [{} for _ in states]
    for row in rows:
        variables = parts[row["ord"] - 1]
        if row["op"] == "DELETE":
            variables.pop(row["key"], None)
        elif row["op"] == "SET":
            variables[row["key"]] = [row["value"]]
        else:
            variables.setdefault(row["key"], []).append(row["value"])
    return [{key: _fold(values) for key, values in variables.items()} for variables in parts]
