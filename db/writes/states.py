"""State: every save is a new version that writes rows for what changed, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import JSON, Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database
from db.enums import EventType, StateOp
from db.errors import InvalidInput, VersionConflict
from db.merge import merge_patch
from db.models import State, StateEntry
from db.state_values import fetch_values
from db.writes.unit import NO_VALID_LEASE, Outcome, Unit, write_execution
from db.writes.write import Write

# Writes a row for every given variable whose value differs from what is there, and with `full` a DELETE
# for every variable that is there but not given. `there` puts together the present values.
_SET = """
WITH given AS (
    SELECT key, value::jsonb AS value FROM unnest($3::text[], $4::text[]) AS g(key, value)
), base AS (
    SELECT DISTINCT ON (key) key, version, op, value FROM state_entries
    WHERE execution_id = $1 AND NOT field AND op <> 'APPEND' AND ($5 OR key = ANY($3))
    ORDER BY key, version DESC
), appended AS (
    SELECT e.key, jsonb_agg(item.value ORDER BY e.version, item.at) AS value
    FROM state_entries e LEFT JOIN base b ON b.key = e.key
    CROSS JOIN LATERAL jsonb_array_elements(e.value) WITH ORDINALITY AS item(value, at)
    WHERE e.execution_id = $1 AND NOT e.field AND e.op = 'APPEND' AND ($5 OR e.key = ANY($3))
      AND e.version > coalesce(b.version, 0)
    GROUP BY e.key
), there AS (
    SELECT key,
           CASE WHEN a.value IS NULL THEN b.value
                ELSE coalesce(b.value, '[]'::jsonb) || a.value END AS value
    FROM base b FULL JOIN appended a USING (key)
)
INSERT INTO state_entries (execution_id, key, version, op, value)
SELECT $1, key, $2, CASE WHEN g.value IS NULL THEN 'DELETE' ELSE 'SET' END, g.value
FROM given g FULL JOIN there t USING (key)
WHERE g.value IS DISTINCT FROM t.value AND (g.key IS NOT NULL OR $5)
RETURNING key
"""
_DELETE = """
INSERT INTO state_entries (execution_id, key, version, op)
SELECT $1, k.key, $2, 'DELETE' FROM unnest($3::text[]) AS k(key)
WHERE (SELECT e.op FROM state_entries e WHERE e.execution_id = $1 AND NOT e.field AND e.key = k.key
       ORDER BY e.version DESC LIMIT 1) <> 'DELETE'
RETURNING key
"""
_NOT_LISTS = """
SELECT k.key FROM unnest($2::text[]) AS k(key)
CROSS JOIN LATERAL (
    SELECT e.op, e.value FROM state_entries e
    WHERE e.execution_id = $1 AND NOT e.field AND e.key = k.key AND e.op <> 'APPEND'
    ORDER BY e.version DESC LIMIT 1
) b
WHERE b.op = 'SET' AND jsonb_typeof(b.value) <> 'array'
"""
_LISTS = ("completed_steps", "failed_steps", "skipped_steps")


@dataclass(frozen=True)
class StateChange:
    """What a save changes.

    `variables` is the full set; or `patch` (RFC 7396, by variable) and `appends` (items for lists) change
    some. `fields` are the state's own (`current_step`, `completed_steps` …); those not in it stay.
    """

    variables: Mapping[str, Any] | None = None
    patch: Mapping[str, Any] | None = None
    appends: Mapping[str, Sequence[Any]] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    expected_version: int | None = None

    def __post_init__(self) -> None:
        """Refuse what can't be meant."""
        if self.variables is not None and (self.patch is not None or self.appends is not None):
            raise InvalidInput("Give either `variables`, the full set, or a patch and appends; not both.")
        if both := sorted(set(self.patch or ()) & set(self.appends or ())):
            raise InvalidInput(f"Variable {both[0]!r} is both patched and appended to; do one of them.")
        for key, items in (self.appends or {}).items():
            if not isinstance(items, list):
                raise InvalidInput(f"What is appended to {key!r} is a list of items.")
        require_keys([*(self.variables or ()), *(self.patch or ()), *(self.appends or ())])


def require_keys(keys: Sequence[str]) -> None:
    """Raise `InvalidInput` for a variable's name that can't be one."""
    for key in keys:
        if not 1 <= len(key) <= 500:
            raise InvalidInput("The name of a variable has 1 to 500 characters.")


async def save_state(database: Database, execution_id: UUID, write: Write, change: StateChange) -> int:
    """Save a state; returns its new version.

    Raises `VersionConflict` where `change.expected_version` is not the present one, `InvalidTransition` for
    an execution that has ended, and `StaleLease` without the epoch of a lease that is valid.
    """

    async def work(unit: Unit) -> Outcome:
        unit.require_live()
        return {"version": await save_in_unit(unit, change)}

    version: int = (await write_execution(database, execution_id, write, work, guard=NO_VALID_LEASE))[
        "version"
    ]
    return version


async def save_in_unit(unit: Unit, change: StateChange) -> int:
    """Save within a write to the execution; returns the new version."""
    head = (
        await unit.session.execute(select(*State.__table__.columns).where(State.execution_id == unit.id))
    ).one()
    if change.expected_version is not None and head.version != change.expected_version:
        raise VersionConflict(change.expected_version, head.version)
    version: int = head.version + 1
    keys = await _write_variables(unit.driver, unit.id, version, change)
    fields = await _write_fields(unit.session, head, version, change.fields)
    values = {"version": version, "updated_at": func.statement_timestamp(), **fields}
    statement = update(State).where(State.execution_id == unit.id).values(values)
    await unit.session.execute(statement, execution_options={"synchronize_session": False})
    changes: dict[str, Any] = {"version": {"before": head.version, "after": version}}
    if keys:
        changes["variables"] = {"after": sorted(keys)}
    changes |= {name: _difference(getattr(head, name), value) for name, value in fields.items()}
    unit.note(EventType.STATE_SAVED, changes)
    return version


async def seed_state(
    session: AsyncSession,
    execution_id: UUID,
    variables: Mapping[str, Any],
    fields: Mapping[str, Any] | None = None,
) -> int:
    """The state that an execution begins with; returns its version: 0, or 1 where there is anything."""
    require_keys(list(variables))
    fields = fields or {}
    version = 1 if variables or fields else 0
    await session.execute(insert(State).values(execution_id=execution_id, version=version, **fields))
    rows = [
        {
            "execution_id": execution_id,
            "field": given is fields,
            "key": key,
            "version": version,
            "op": StateOp.SET,
            "value": JSON.NULL if value is None else value,
        }
        for given in (variables, fields)
        for key, value in given.items()
    ]
    if rows:
        await session.execute(insert(StateEntry), rows)
    return version


async def _write_variables(
    driver: asyncpg.Connection, execution_id: UUID, version: int, change: StateChange
) -> list[str]:
    """Write the rows of a version; returns the keys that changed."""
    if change.variables is not None:
        return await _set(driver, execution_id, version, change.variables, full=True)
    patch = await _resolved(driver, execution_id, version - 1, change.patch or {})
    keys: list[str] = []
    if setting := {key: value for key, value in patch.items() if value is not None}:
        keys += await _set(driver, execution_id, version, setting, full=False)
    if deleting := [key for key, value in patch.items() if value is None]:
        keys += [row["key"] for row in await driver.fetch(_DELETE, execution_id, version, deleting)]
    if appending := {key: items for key, items in (change.appends or {}).items() if items}:
        keys += await _append(driver, execution_id, version, appending)
    return keys


async def _set(
    driver: asyncpg.Connection, execution_id: UUID, version: int, values: Mapping[str, Any], *, full: bool
) -> list[str]:
    texts = [_text(value) for value in values.values()]
    rows = await driver.fetch(_SET, execution_id, version, list(values), texts, full)
    return [row["key"] for row in rows]


async def _append(
    driver: asyncpg.Connection, execution_id: UUID, version: int, appends: Mapping[str, Sequence[Any]]
) -> list[str]:
    if wrong := await driver.fetch(_NOT_LISTS, execution_id, list(appends)):
        raise InvalidInput(f"Variable {wrong[0]['key']!r} holds no list, so nothing can be appended to it.")
    await driver.execute(
        "INSERT INTO state_entries (execution_id, key, version, op, value) "
        "SELECT $1, key, $2, 'APPEND', value::jsonb FROM unnest($3::text[], $4::text[]) AS g(key, value)",
        execution_id,
        version,
        list(appends),
        [_text(items) for items in appends.values()],
    )
    return list(appends)


async def _resolved(
    driver: asyncpg.Connection, execution_id: UUID, version: int, patch: Mapping[str, Any]
) -> dict[str, Any]:
    """The patch with objects merged into what is there; only those need to be read."""
    merging = [key for key, value in patch.items() if isinstance(value, dict)]
    if not merging:
        return dict(patch)
    (there,) = await fetch_values(driver, [(execution_id, version)], keys=merging)
    present = {key: orjson.loads(text) for key, text in there.items()}
    return {key: merge_patch(present.get(key), value) for key, value in patch.items()}


async def _write_fields(
    session: AsyncSession, head: Row[Any], version: int, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the rows of the state's own fields; returns those that changed."""
    # As JSON, since Python takes true for 1.
    changed = {name: value for name, value in given.items() if _text(getattr(head, name)) != _text(value)}
    rows = []
    for name, value in changed.items():
        before = getattr(head, name)
        row = {"execution_id": head.execution_id, "field": True, "key": name, "version": version}
        grown = name in _LISTS and bool(before) and value[: len(before)] == before
        op, value_ = (StateOp.APPEND, value[len(before) :]) if grown else (StateOp.SET, value)
        rows.append({**row, "op": StateOp.DELETE if value is None else op, "value": value_})
    if rows:
        await session.execute(insert(StateEntry), rows)
    return changed


def _difference(before: Any, after: Any) -> dict[str, Any]:
    # A list that grew says by what: the whole of it in every event would cost more than the save.
    if isinstance(before, list) and isinstance(after, list) and after[: len(before)] == before:
        return {"added": after[len(before) :]}
    return {"before": before, "after": after}


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()
