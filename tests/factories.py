"""Rows for tests. Factories know the invariants; a test says only what matters to it."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Update, insert, update

from db.engine import Database
from db.enums import (
    TERMINAL_EXECUTION,
    TERMINAL_STEP,
    Environment,
    ExecutionStatus,
    LogLevel,
    Priority,
    Scope,
    StateOp,
    StepStatus,
    Subject,
    TriggerType,
    WorkflowStatus,
)
from db.ids import uuid7, uuid7_time
from db.models import (
    AuditEntry,
    Base,
    Checkpoint,
    Event,
    Execution,
    Hold,
    LogEntry,
    MetricPoint,
    RetentionPolicy,
    State,
    StateEntry,
    Step,
    Token,
    Workflow,
)
from graph.auth.tokens import mint

Row = dict[str, Any]

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
_AGES = {"keep_executions", "keep_logs", "keep_checkpoints"}


class Factory:
    """Makes rows in one database; every method takes columns to set by name."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers = count(1)

    async def _insert(self, *tables: tuple[type[Base], Sequence[Row]], then: Update | None = None) -> None:
        """Rows of these tables, and then a change, in one transaction."""
        async with self._database.writing() as session:
            for model, rows in tables:
                await session.execute(insert(model.__table__), list(rows))  # type: ignore[arg-type]
            if then is not None:
                await session.execute(then)

    async def workflow(self, **given: Any) -> UUID:
        """A workflow; returns its key."""
        (made,) = await self.workflows([given])
        return made

    async def workflows(self, rows: Sequence[Row]) -> list[UUID]:
        """Workflows that differ: a row each, all with the same columns; returns their keys."""
        made = [_workflow(next(self._numbers), row) for row in rows]
        await self._insert((Workflow, made))
        return [row["id"] for row in made]

    async def execution(self, workflow: UUID | None = None, **given: Any) -> UUID:
        """An execution with its empty state, PENDING unless told; returns its key."""
        (made,) = await self.executions(1, workflow, **given)
        return made

    async def executions(self, number: int, workflow: UUID | None = None, **given: Any) -> list[UUID]:
        """Several executions of one workflow, alike but for their ids and times."""
        return await self.runs([given] * number, workflow)

    async def runs(self, rows: Sequence[Row], workflow: UUID | None = None) -> list[UUID]:
        """Executions that differ: a row each, all with the same columns; returns their keys."""
        workflow = workflow or await self.workflow()
        made = [_execution(workflow, row) for row in rows]
        keys = [row["id"] for row in made]
        await self._insert((Execution, made), (State, [{"execution_id": key} for key in keys]))
        return keys

    async def steps(self, execution: UUID, number: int = 1, start: int = 1, **given: Any) -> list[int]:
        """Steps with consecutive sequence numbers from `start`, COMPLETED unless told; returns those."""
        seqs = list(range(start, start + number))
        made = [_step(execution, seq, given) for seq in seqs]
        await self._insert((Step, made), then=_advance(execution, step_seq=seqs[-1]))
        return seqs

    async def logs(self, execution: UUID, number: int = 1, start: int = 1, **given: Any) -> list[int]:
        """Log entries with consecutive sequence numbers from `start`; returns those."""
        seqs = list(range(start, start + number))
        made = [_log(execution, seq, given) for seq in seqs]
        await self._insert((LogEntry, made), then=_advance(execution, log_seq=seqs[-1]))
        return seqs

    async def events(self, execution: UUID, number: int = 1, **given: Any) -> list[int]:
        """Events with sequence numbers from 1; returns those."""
        seqs = list(range(1, number + 1))
        made = [_event(execution, seq, given) for seq in seqs]
        await self._insert((Event, made), then=_advance(execution, event_seq=seqs[-1]))
        return seqs

    async def metric_points(self, execution: UUID, **values: float) -> None:
        """The execution's own numbers by name."""
        named = enumerate(values.items(), 1)
        rows = [_point(execution, seq, {"name": name, "value": value}) for seq, (name, value) in named]
        await self._insert((MetricPoint, rows), then=_advance(execution, metric_seq=len(rows)))

    async def state(
        self, execution: UUID, *saves: dict[str, tuple[StateOp, Any]], of_fields: bool = False, **fields: Any
    ) -> None:
        """The versions of a state: what each save did to which key; `fields` are the head's own.

        With `of_fields` the keys are the names of fields rather than of variables.
        """
        rows = [
            {
                "execution_id": execution,
                "key": key,
                "field": of_fields,
                "version": version,
                "op": op,
                "value": JSON.NULL if value is None and op is not StateOp.DELETE else value,
            }
            for version, save in enumerate(saves, 1)
            for key, (op, value) in save.items()
        ]
        head = {"version": len(saves), **fields}
        advance = update(State).where(State.execution_id == execution).values(head)
        await self._insert((StateEntry, rows), then=advance)

    async def checkpoints(self, execution: UUID, *versions: int, **given: Any) -> list[int]:
        """A checkpoint for each version of the state, each following the one before."""
        named = enumerate(versions, 1)
        rows = [_checkpoint(execution, seq, {"state_version": version, **given}) for seq, version in named]
        await self._insert((Checkpoint, rows), then=_advance(execution, checkpoint_seq=len(rows)))
        return list(range(1, len(rows) + 1))

    async def records(self, execution: UUID, **rows: Sequence[Row]) -> None:
        """Rows that differ, each with its `seq`: `steps`, `logs`, `checkpoints`, `events`, `points`."""
        made: dict[str, tuple[type[Base], str, Callable[[UUID, int, Row], Row]]] = {
            "steps": (Step, "step_seq", _step),
            "logs": (LogEntry, "log_seq", _log),
            "checkpoints": (Checkpoint, "checkpoint_seq", _checkpoint),
            "events": (Event, "event_seq", _event),
            "points": (MetricPoint, "metric_seq", _point),
        }
        for name, given in rows.items():
            model, counter, row = made[name]
            advance = _advance(execution, **{counter: given[-1]["seq"]})
            await self._insert((model, [row(execution, one["seq"], one) for one in given]), then=advance)

    async def audit_entry(self, **given: Any) -> UUID:
        """An entry of the audit log; returns its key."""
        row = {"id": uuid7(), "actor": "test", "type": "WORKFLOW_CREATED", "subject_type": "WORKFLOW"}
        row |= {"subject_id": uuid7().hex, "changes": {}} | given
        await self._insert((AuditEntry, [row]))
        return UUID(str(row["id"]))

    async def policy(self, **given: Any) -> UUID:
        """A retention policy, which takes executions after 30 days unless told; returns its key."""
        row = {"id": uuid7(), "name": f"policy {next(self._numbers)}", "created_by": "test"}
        row |= given if given.keys() & _AGES else {"keep_executions": timedelta(days=30), **given}
        await self._insert((RetentionPolicy, [row]))
        return UUID(str(row["id"]))

    async def hold(
        self, subject: UUID, kind: Subject = Subject.EXECUTION, reason: str = "a dispute", **given: Any
    ) -> None:
        """A hold on an execution, or on a workflow version."""
        row = {"subject_id": subject, "subject_type": kind, "reason": reason, "placed_by": "test"} | given
        await self._insert((Hold, [row]))

    async def token(self, **given: Any) -> str:
        """A token, good for reading unless told; returns what its client shows."""
        await asyncio.sleep(0.002)  # ids of one millisecond come in any order
        minted = mint()
        row = {"id": minted.id, "name": f"token {next(self._numbers)}", "scopes": [Scope.READ]}
        row |= {"secret_hash": minted.secret_hash, "created_by": "test", "created_at": NOW} | given
        await self._insert((Token, [row]))
        return minted.text

    async def family(self, children: int) -> UUID:
        """An execution with that many children, each with one of everything; returns the parent's key."""
        parent = await self.execution(workflow := await self.workflow())
        await self.checkpoints(parent, 0)
        origin = {"parent_id": parent, "forked_from_execution_id": parent, "forked_from_seq": 1}
        counters = {"step_seq": 1, "log_seq": 1, "checkpoint_seq": 1, "event_seq": 1, "metric_seq": 1}
        keys = await self.executions(children, workflow, **origin, **counters)
        entry = {"key": "a", "version": 1, "op": StateOp.SET, "value": 1}
        await self._insert(
            (Step, [_step(key, 1, {}) for key in keys]),
            (LogEntry, [_log(key, 1, {"step_seq": 1}) for key in keys]),
            (Checkpoint, [_checkpoint(key, 1, {"state_version": 1}) for key in keys]),
            (Event, [_event(key, 1, {}) for key in keys]),
            (MetricPoint, [_point(key, 1, {"step_seq": 1}) for key in keys]),
            (StateEntry, [{"execution_id": key, **entry} for key in keys]),
            then=update(State).where(State.execution_id.in_(keys)).values(version=1),
        )
        return parent

    async def tree(self, workflows: int, executions: int, steps: int, logs: int) -> list[UUID]:
        """Workflows, each with executions, each with steps, each with logs; returns the workflows' keys."""
        keys = await self.workflows([{}] * workflows)
        counters = {"step_seq": steps, "log_seq": steps * logs}
        made = [_execution(key, counters) for key in keys for _ in range(executions)]
        places = [(row["id"], seq) for row in made for seq in range(1, steps + 1)]
        entries = [(key, step, at) for key, step in places for at in range(1, logs + 1)]
        await self._insert(
            (Execution, made),
            (State, [{"execution_id": row["id"]} for row in made]),
            (Step, [_step(key, step, {}) for key, step in places]),
            (LogEntry, [_log(key, (step - 1) * logs + at, {"step_seq": step}) for key, step, at in entries]),
        )
        return keys


def _advance(execution: UUID, **counters: int) -> Update:
    """An execution's counters as they then are."""
    return update(Execution).where(Execution.id == execution).values(counters)


def _workflow(number: int, given: Row) -> Row:
    row: Row = {
        "id": uuid7(),
        "name": f"workflow {number}",
        "version": "1",
        "status": WorkflowStatus.ACTIVE,
        "definition": {"steps": []},
        "priority": Priority.NORMAL,
        "environment": Environment.PRODUCTION,
        "created_by": "test",
    } | given
    return {**row, "created_at": row.get("created_at", uuid7_time(row["id"]))}


def _execution(workflow: UUID, given: Row) -> Row:
    key = given.get("id") or uuid7()
    status = given.get("status", ExecutionStatus.PENDING)
    created = uuid7_time(key)
    moved_on = status != ExecutionStatus.PENDING
    return {
        "id": key,
        "workflow_id": workflow,
        "status": status,
        "trigger_type": TriggerType.API,
        "triggered_by": "test",
        "created_at": created,
        "started_at": created + timedelta(seconds=1) if moved_on else None,
        "completed_at": created + timedelta(seconds=3) if status in TERMINAL_EXECUTION else None,
    } | given


def _step(execution: UUID, seq: int, given: Row) -> Row:
    status = given.get("status", StepStatus.COMPLETED)
    return {
        "execution_id": execution,
        "seq": seq,
        "key": f"step{seq}",
        "attempt": 1,
        "name": f"Step {seq}",
        "type": "task",
        "status": status,
        "started_at": NOW + timedelta(seconds=seq) if status != StepStatus.PENDING else None,
        "completed_at": NOW + timedelta(seconds=seq + 1) if status in TERMINAL_STEP else None,
    } | given


def _log(execution: UUID, seq: int, given: Row) -> Row:
    return {
        "execution_id": execution,
        "seq": seq,
        "step_seq": None,
        "level": LogLevel.INFO,
        "message": f"line {seq}",
        "logged_at": NOW + timedelta(milliseconds=seq),
    } | given


def _checkpoint(execution: UUID, seq: int, given: Row) -> Row:
    return {
        "execution_id": execution,
        "seq": seq,
        "parent_seq": seq - 1 or None,
        "created_by": "test",
    } | given


def _event(execution: UUID, seq: int, given: Row) -> Row:
    blank = {"type": "EXECUTION_CREATED", "actor": "test", "changes": {}}
    return {"execution_id": execution, "seq": seq, **blank} | given


def _point(execution: UUID, seq: int, given: Row) -> Row:
    return {"execution_id": execution, "seq": seq, "name": "cpu", "value": float(seq)} | given
