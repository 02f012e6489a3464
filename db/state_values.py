"""What a state's keys are worth at a version: read back from their versioned rows and put together.

Used by reads and by writes alike.
"""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from db.jsonb import as_written
from db.topology import is_distributed

# For every key of every asked-for state: its last SET or DELETE at or before the version, found by
# stepping from key to key through the primary key (a loose index scan: a key with many versions costs no
# more than one with few), then the APPENDs after it. The subselects hide from the planner how many states
# there are: planning anew for a few takes ten times as long as reading them.
_KEYS = """
    SELECT a.ord, a.execution_id, a.version,
           (SELECT min(e.key) FROM state_entries e
            WHERE e.execution_id = a.execution_id AND {field}) AS key
    FROM asked a
    UNION ALL
    SELECT k.ord, k.execution_id, k.version,
           (SELECT min(e.key) FROM state_entries e
            WHERE e.execution_id = k.execution_id AND {field} AND e.key > k.key)
    FROM keys k WHERE k.key IS NOT NULL
"""
_GIVEN_KEYS = """
    SELECT a.ord, a.execution_id, a.version, g.key
    FROM asked a CROSS JOIN unnest((SELECT $3::text[])) AS g(key)
"""
_ENTRIES_AT = """
WITH RECURSIVE asked AS (
    SELECT execution_id, version, ord
    FROM unnest((SELECT $1::uuid[]), (SELECT $2::bigint[])) WITH ORDINALITY AS a(execution_id, version, ord)
), keys AS ({keys})
SELECT k.ord, k.key, e.op, {value} AS value
FROM keys k
LEFT JOIN LATERAL (
    SELECT e.version FROM state_entries e
    WHERE e.execution_id = k.execution_id AND {field} AND e.key = k.key
      AND e.version <= k.version AND e.op <> 'APPEND'
    ORDER BY e.version DESC LIMIT 1
) base ON true
CROSS JOIN LATERAL (
    SELECT e.op, e.value, e.value_exact, e.version FROM state_entries e
    WHERE e.execution_id = k.execution_id AND {field} AND e.key = k.key
      AND e.version >= coalesce(base.version, 0) AND e.version <= k.version
    ORDER BY e.version
) e
WHERE k.key IS NOT NULL
ORDER BY k.ord, k.key, e.version
"""
_VALUE = as_written("e", "value")
# The rows `e` in ranges `g` (execution_id, first, last) of versions that a range's last version doesn't see:
# a later SET or DELETE in the range, the last of which is in `l`, hides them.
HIDING = """(
    SELECT s.field, s.key, max(s.version) AS version FROM state_entries s
    WHERE s.execution_id = g.execution_id AND s.op <> 'APPEND' AND s.version BETWEEN g.first AND g.last
    GROUP BY s.field, s.key
) l"""
HIDDEN = """
    e.execution_id = g.execution_id AND e.field = l.field AND e.key = l.key
    AND e.version >= g.first AND e.version < l.version
"""
# On many nodes, where recursion keeps to one execution: the same out of all the rows up to the version. Each
# node tells its own executions out of those that are asked for.
_ENTRIES_OF_NODES_AT = """
SELECT p.ord, e.key, e.op, e.value
FROM (
    SELECT a.execution_id, a.ord, ($2::bigint[])[a.ord] AS version FROM (
        SELECT x.id AS execution_id, unnest(array_positions($1::uuid[], x.id)) AS ord
        FROM executions x WHERE x.id = ANY($1::uuid[])
    ) a
) p CROSS JOIN LATERAL (
    SELECT e.key, e.op, {value} AS value, e.version,
           max(e.version) FILTER (WHERE e.op <> 'APPEND') OVER (PARTITION BY e.key) AS base
    FROM state_entries e
    WHERE e.execution_id = p.execution_id AND {field} AND e.version <= p.version{given}
) e
WHERE e.version >= coalesce(e.base, 0) ORDER BY p.ord, e.key, e.version
"""
# Of variables, and of the state's own fields. Which of them is no parameter: a plan for one of the two may
# look cheaper than one for either, and would be made anew each time.
_FIELD = ("NOT e.field", "e.field")
_ALL = [_ENTRIES_AT.format(keys=_KEYS.format(field=field), field=field, value=_VALUE) for field in _FIELD]
_SOME = [_ENTRIES_AT.format(keys=_GIVEN_KEYS, field=field, value=_VALUE) for field in _FIELD]
_ALL_OF_NODES, _SOME_OF_NODES = (
    [_ENTRIES_OF_NODES_AT.format(given=given, field=field, value=_VALUE) for field in _FIELD]
    for given in ("", " AND e.key = ANY($3::text[])")
)


def spliced(values: Sequence[str]) -> str:
    """One JSON value from a SET and the lists appended to it, by splicing their texts."""
    if len(values) == 1:
        return values[0]
    return f"[{', '.join(inner for value in values if (inner := value[1:-1].strip()))}]"


async def fetch_values(
    connection: asyncpg.Connection,
    states: Sequence[tuple[UUID, int]],
    *,
    field: bool = False,
    keys: Sequence[str] | None = None,
) -> list[dict[str, str]]:
    """The values of each (execution id, version), as JSON texts by key; one statement for all.

    `field` reads the state's own fields (`current_step` and so on) instead of its variables; `keys` only
    those of them.
    """
    asked = [execution for execution, _ in states], [version for _, version in states]
    every, some = (_ALL_OF_NODES, _SOME_OF_NODES) if is_distributed(connection) else (_ALL, _SOME)
    rows = await connection.fetch(*(every[field], *asked) if keys is None else (some[field], *asked, keys))
    parts: list[dict[str, list[str]]] = [{} for _ in states]
    for row in rows:
        variables = parts[row["ord"] - 1]
        if row["op"] == "DELETE":
            variables.pop(row["key"], None)
        elif row["op"] == "SET":
            variables[row["key"]] = [row["value"]]
        else:
            variables.setdefault(row["key"], []).append(row["value"])
    return [{key: spliced(values) for key, values in variables.items()} for variables in parts]
