"""Forks: a checkpoint continued in an execution of its own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import orjson

from db.engine import Database
from db.enums import EventType, ExecutionStatus, StateOp
from db.errors import NotFound
from db.ids import uuid7, uuid7_time
from db.jsonb import exact_text
from db.merge import merge_patch
from db.models import Step
from db.recovery_plan import done_at
from db.state_values import fetch_values
from db.writes.draft import json_text
from db.writes.idempotent import Outcome, change_idempotent
from db.writes.links import note_making
from db.writes.priorities import RANK
from db.writes.rows import Rows
from db.writes.seen import Attempt
from db.writes.states import require_keys
from db.writes.write import Write, shown

_COPIED = [
    column.name
    for column in Step.__table__.columns
    if column.name not in ("execution_id", "seq", "attempt", "event_seq", "created_at")
]
# Locked first: the checkpoint is then read as whoever held the lock before has left it.
_LOCK = "SELECT FROM executions WHERE id = $1 FOR NO KEY UPDATE"
_BASE = """
SELECT state_version, event_seq, step_seq, clock_timestamp() FROM checkpoints
WHERE execution_id = $1 AND seq = $2
"""
_ATTEMPTS = """
SELECT seq, key, attempt, status, event_seq, started_at FROM steps WHERE execution_id = $1 AND seq <= $2
ORDER BY seq
"""
_COPY = f"""
WITH made AS (
    INSERT INTO executions (id, workflow_id, status, trigger_type, triggered_by, correlation_id,
                            forked_from_execution_id, forked_from_seq, input, attributes, attributes_exact,
                            tags, priority, event_seq, step_seq, checkpoint_seq, created_at)
    SELECT $1, e.workflow_id, 'PENDING', e.trigger_type, $2, e.correlation_id, e.id, $4, e.input,
           e.attributes, e.attributes_exact, e.tags,
           {RANK}, 1, cardinality($5::bigint[]), 1, $6
    FROM executions e WHERE e.id = $3
)
INSERT INTO steps (execution_id, seq, attempt, event_seq, {", ".join(_COPIED)})
SELECT $1, n.number, 1, 1, {", ".join(f"s.{name}" for name in _COPIED)}
FROM unnest($5::bigint[]) WITH ORDINALITY AS n(seq, number)
JOIN steps s ON s.execution_id = $3 AND s.seq = n.seq
"""


class _Base(NamedTuple):
    """The checkpoint that is forked, and the database's clock."""

    state_version: int
    event_seq: int
    step_seq: int
    now: datetime


async def fork_execution(
    database: Database, execution_id: UUID, seq: int, write: Write, patch: Mapping[str, Any]
) -> UUID:
    """Start a new, PENDING execution of the same workflow from a checkpoint; returns its key.

    It begins with the checkpoint's variables, changed by `patch` (RFC 7396), with copies of the steps that
    were done then, and with a checkpoint of its own. Raises `NotFound`.
    """
    key = uuid7()

    async def work(driver: asyncpg.Connection) -> Outcome:
        await driver.execute(_LOCK, execution_id)
        await note_making(driver)
        row = await driver.fetchrow(_BASE, execution_id, seq)
        if row is None:
            raise NotFound("checkpoint", f"chk_{execution_id.hex}_{seq}")
        base = _Base(*row)
        variables = merge_patch(await _values(driver, execution_id, base), patch)
        fields = await _values(driver, execution_id, base, field=True)
        steps = await _done_steps(driver, execution_id, base)
        await driver.execute(_COPY, key, write.actor, execution_id, seq, steps, uuid7_time(key))
        rows = Rows()
        version = _add_state(rows, key, variables, fields)
        _add_checkpoint(rows, key, write, f"chk_{execution_id.hex}_{seq}", (version, len(steps)), base.now)
        await rows.write(driver)
        return {"execution": key.hex}

    made = await change_idempotent(database, write, work, lambda outcome: [UUID(outcome["execution"])])
    return UUID(made["execution"])


async def _values(
    driver: asyncpg.Connection, execution_id: UUID, base: _Base, *, field: bool = False
) -> dict[str, Any]:
    """The variables, or the state's own fields, that had a value at the checkpoint."""
    (texts,) = await fetch_values(driver, [(execution_id, base.state_version)], field=field)
    return {name: orjson.loads(text) for name, text in texts.items()}


async def _done_steps(driver: asyncpg.Connection, execution_id: UUID, base: _Base) -> list[int]:
    """The attempts that were done at the checkpoint."""
    rows = await driver.fetch(_ATTEMPTS, execution_id, base.step_seq)
    return [step.seq for step in done_at([Attempt(*row) for row in rows], base).values()]


def _add_state(rows: Rows, key: UUID, variables: Mapping[str, Any], fields: Mapping[str, Any]) -> int:
    """The state that a fork begins with; returns its version: 0, or 1 where there is anything."""
    require_keys(list(variables))
    version = 1 if variables or fields else 0
    lists = {name: json_text(value) for name, value in fields.items() if name != "current_step"}
    row = {"execution_id": key, "version": version, "checkpoint_seq": 1, **lists}
    rows.add("new_states", {**row, "current_step": fields.get("current_step")})
    for given in (variables, fields):
        for name, value in given.items():
            text = json_text(value)
            row = {"execution_id": key, "field": given is fields, "key": name, "version": version}
            row |= {"op": StateOp.SET, "value": text, "value_exact": exact_text(text)}
            rows.add("state_entries", row)
    return version


def _add_checkpoint(
    rows: Rows, key: UUID, write: Write, base: str, reached: tuple[int, int], now: datetime
) -> None:
    """The checkpoint that a fork begins with, at (version, steps), and the event that tells of both."""
    version, steps = reached
    checkpoint = {"execution_id": key, "seq": 1, "label": f"fork of {base}", "state_version": version}
    checkpoint |= {"event_seq": 1, "step_seq": steps, "created_by": write.actor, "created_at": now}
    rows.add("checkpoints", checkpoint)
    changes = {
        "status": {"after": ExecutionStatus.PENDING},
        "forkedFrom": {"after": base},
        "steps": {"after": steps},
    }
    event = {"execution_id": key, "seq": 1, "type": EventType.EXECUTION_FORKED, "actor": write.actor}
    rows.add("events", {**event, "at": now, "changes": json_text(shown(changes))})
