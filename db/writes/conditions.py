"""On what a write is made that was decided without locks."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple
from uuid import UUID

from db.narrowing import few, narrowed
from db.writes.rows import Held


class Condition(NamedTuple):
    """On what a write to an execution is made: its row is this one, and nothing there has these names yet.

    `steps` are keys of steps, `keys` idempotency keys.
    """

    row_version: int
    steps: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


# A row that another transaction holds or has changed in between is left out: PostgreSQL asks of a row that it
# locks once more whether it is the one that is looked for.
_HELD = """
SELECT FROM json_to_recordset({given}) AS g(id uuid, row_version text, steps json, keys json)
JOIN executions e ON e.id = g.id WHERE {few} AND e.xmin = g.row_version::xid{new}
FOR NO KEY UPDATE OF e SKIP LOCKED
"""
# One by one, as in `lookups.py`.
_NEW = {
    "steps": """ AND NOT EXISTS (SELECT FROM json_array_elements_text(g.steps) AS k(key), LATERAL (
        SELECT FROM steps s WHERE s.execution_id = e.id AND s.key = k.key ORDER BY s.attempt LIMIT 1) s)""",
    "keys": """ AND NOT EXISTS (SELECT FROM json_array_elements_text(g.keys) AS k(key), LATERAL (
        SELECT FROM events v WHERE v.execution_id = e.id AND v.idempotency_key = k.key LIMIT 1) v)""",
}


def held(conditions: Mapping[UUID, Condition]) -> Held:
    """The executions as they are to be for a write to them."""
    new = tuple(name for name in _NEW if any(getattr(one, name) for one in conditions.values()))
    return Held(_held(new), [{"id": key, **one._asdict()} for key, one in conditions.items()])


@cache
def _held(new: tuple[str, ...]) -> str:
    statement = _HELD.replace("{new}", "".join(_NEW[name] for name in new)).replace("{few}", few("g.id"))
    return narrowed(narrowed(statement, "e.id"), "g.id")
