"""Bulk writes of history that was made elsewhere. Each is repeatable: a second time changes nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from db.engine import Database
from db.enums import (
    Environment,
    ExecutionStatus,
    PartitionSpan,
    Priority,
    StepStatus,
    Subject,
    TriggerType,
    WorkflowStatus,
)
from db.errors import Contended, NotFound
from db.ids import uuid7
from db.importing.loglines import ParsedLine
from db.importing.marks import Mark
from db.importing.wfformat import Trace
from db.jsonb import exact_text
from db.moments import ENDS, finite
from db.partitions import cover

_STEP_COLUMNS = [
    *("execution_id", "seq", "key", "attempt", "name", "type", "status", "input", "depends_on"),
    *("metrics", "created_at", "started_at", "completed_at"),
]
_MEND_ENDS = f"""
UPDATE log_entries c SET logged_at = {finite("c.logged_at")}
WHERE c.execution_id = $1 AND c.seq >= $2 AND c.logged_at IN ('infinity', '-infinity')
"""
_LOG_COLUMNS = ["execution_id", "seq", "level", "message", "logged_at", "original_bytes"]
_POINT_COLUMNS = ["execution_id", "seq", "name", "value"]

_INSERT_WORKFLOW = """
INSERT INTO workflows (id, name, version, status, definition, description, priority, environment, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (name, version) DO NOTHING
RETURNING id
"""
_INSERT_EXECUTION = """
INSERT INTO executions (id, workflow_id, status, trigger_type, triggered_by, input, attributes,
                        attributes_exact, event_seq, step_seq, metric_seq,
                        created_at, started_at, completed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11, $11, $12)
ON CONFLICT (id) DO NOTHING
RETURNING id
"""
_TAKE_LOG_SEQUENCE = """
UPDATE executions SET log_seq = log_seq + $2, event_seq = event_seq + 1 WHERE id = $1
RETURNING log_seq, event_seq
"""
_LAST_IMPORT = """
SELECT coalesce(max(seq), 0) FROM events WHERE execution_id = $1 AND type = 'LOGS_IMPORTED'
AND idempotency_key >= 'import:' AND idempotency_key < 'import;'
"""
_INSERT_IMPORT = """
INSERT INTO events (execution_id, seq, type, actor, changes, idempotency_key, fingerprint, outcome)
VALUES ($1, $2, 'LOGS_IMPORTED', $3, $4, $5, $6, $7)
"""


@dataclass(frozen=True, slots=True)
class ImportedTrace:
    """What became of a trace; `created` is false where its execution was there already."""

    execution_id: UUID
    workflow_id: UUID
    steps: int
    created: bool


async def import_trace(
    database: Database, trace: Trace, actor: str, span: PartitionSpan = PartitionSpan.MONTH
) -> ImportedTrace:
    """Store a trace as a workflow version with one execution, in one transaction.

    The execution's id follows from the trace's time and content, so the same trace is the same execution.
    """
    execution_id = uuid7(trace.executed_at, trace.digest)
    await cover(database, [trace.executed_at], span)
    async with database.maintaining() as connection:
        workflow_id = await _ensure_workflow(connection, trace, actor)
        created = await _insert_execution(connection, trace, execution_id, workflow_id, actor)
        if created:
            await _insert_tree(connection, trace, execution_id, actor)
    return ImportedTrace(execution_id, workflow_id, len(trace.steps), created)


async def note_import(
    connection: asyncpg.Connection, actor: str, subject: Subject, key: UUID, changes: dict[str, Any]
) -> None:
    """Leave an audit entry of what was imported: by whom, and what it is."""
    await connection.execute(
        "INSERT INTO audit_entries (id, actor, type, subject_type, subject_id, changes) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        uuid7(),
        actor,
        f"{subject}_IMPORTED",
        subject,
        key.hex,
        orjson.dumps(changes).decode(),
    )


async def _ensure_workflow(connection: asyncpg.Connection, trace: Trace, actor: str) -> UUID:
    created: UUID | None = await connection.fetchval(
        _INSERT_WORKFLOW,
        uuid7(),
        trace.name,
        trace.version,
        WorkflowStatus.ACTIVE,
        trace.definition.decode(),
        trace.description,
        Priority.NORMAL,
        Environment.PRODUCTION,
        actor,
    )
    if created is None:
        there: UUID = await connection.fetchval(
            "SELECT id FROM workflows WHERE name = $1 AND version = $2", trace.name, trace.version
        )
        return there
    changes = {"name": {"after": trace.name}, "version": {"after": trace.version}}
    await note_import(connection, actor, Subject.WORKFLOW, created, changes)
    return created


async def _insert_execution(
    connection: asyncpg.Connection, trace: Trace, execution_id: UUID, workflow_id: UUID, actor: str
) -> bool:
    inserted = await connection.fetchval(
        _INSERT_EXECUTION,
        execution_id,
        workflow_id,
        ExecutionStatus.COMPLETED,
        TriggerType.MANUAL,
        actor,
        trace.input.decode() if trace.input else None,
        orjson.dumps(trace.attributes).decode(),
        exact_text(orjson.dumps(trace.attributes).decode()),
        len(trace.steps),
        len(trace.metrics),
        trace.executed_at,
        trace.completed_at,
    )
    return inserted is not None


async def _insert_tree(connection: asyncpg.Connection, trace: Trace, execution_id: UUID, actor: str) -> None:
    steps = [
        (
            execution_id,
            seq,
            step.key,
            1,
            step.name,
            step.type,
            StepStatus.COMPLETED,
            step.input.decode(),
            list(step.depends_on),
            step.metrics.decode(),
            trace.executed_at,
            step.started_at,
            step.completed_at,
        )
        for seq, step in enumerate(trace.steps, 1)
    ]
    await connection.copy_records_to_table("steps", records=steps, columns=_STEP_COLUMNS)
    points = [(execution_id, seq, *point) for seq, point in enumerate(sorted(trace.metrics.items()), 1)]
    await connection.copy_records_to_table("metric_points", records=points, columns=_POINT_COLUMNS)
    await _insert_state(connection, trace, execution_id)
    changes = {"status": {"after": ExecutionStatus.COMPLETED}, "steps": {"after": len(steps)}}
    await connection.execute(
        "INSERT INTO events (execution_id, seq, type, actor, changes) "
        "VALUES ($1, 1, 'EXECUTION_IMPORTED', $2, $3)",
        execution_id,
        actor,
        orjson.dumps(changes).decode(),
    )


async def _insert_state(connection: asyncpg.Connection, trace: Trace, execution_id: UUID) -> None:
    """Version 1 of the state: all steps are done, in the order in which they ended."""
    done = [step.key for step in sorted(trace.steps, key=lambda step: step.completed_at)]
    await connection.execute(
        "INSERT INTO states (execution_id, version, completed_steps) VALUES ($1, 1, $2)", execution_id, done
    )
    await connection.execute(
        "INSERT INTO state_entries (execution_id, field, key, version, op, value) "
        "VALUES ($1, true, 'completed_steps', 1, 'SET', $2)",
        execution_id,
        orjson.dumps(done).decode(),
    )


async def append_log_lines(
    database: Database, execution_id: UUID, lines: Sequence[ParsedLine], actor: str, mark: Mark, after: int
) -> int:
    """Append a batch of log lines, each with a time, to an execution, in one transaction.

    `mark` is how far their file is taken in with them, and `after` the number of the last event that had
    been seen of imports into the execution; returns that of this one. Raises `NotFound` for an unknown
    execution, and `Contended` where there was another import meanwhile: of the same file, perhaps.
    """
    async with database.maintaining() as connection:
        taken = await connection.fetchrow(_TAKE_LOG_SEQUENCE, execution_id, len(lines))
        if taken is None:
            raise NotFound("execution", f"exec_{execution_id.hex}")
        if await connection.fetchval(_LAST_IMPORT, execution_id) != after:
            raise Contended("Somebody else imports into this execution at the same time.")
        first = taken["log_seq"] - len(lines) + 1
        changes = {"logs": {"count": len(lines), "firstSeq": first, "lastSeq": taken["log_seq"]}}
        await connection.execute(
            _INSERT_IMPORT,
            execution_id,
            taken["event_seq"],
            actor,
            orjson.dumps(changes).decode(),
            mark.key,
            hashlib.sha256(mark.key.encode()).digest(),
            orjson.dumps(mark).decode(),
        )
        rows = [
            (execution_id, seq, line.level, line.message, line.logged_at, line.original_bytes)
            for seq, line in enumerate(lines, first)
        ]
        await connection.copy_records_to_table("log_entries", records=rows, columns=_LOG_COLUMNS)
        if not ENDS.isdisjoint(line.logged_at for line in lines):
            await connection.execute(_MEND_ENDS, execution_id, first)
    event: int = taken["event_seq"]
    return event
