"""Rows for tests. Factories know the invariants; a test says only what matters to it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import insert, update

from db.engine import Database
from db.enums import (
    TERMINAL_EXECUTION,
    TERMINAL_STEP,
    Environment,
    ExecutionStatus,
    LogLevel,
    Priority,
    StateOp,
    StepStatus,
    TriggerType,
    WorkflowStatus,
)
from db.ids import uuid7, uuid7_time
from db.models import (
    Base,
    Checkpoint,
    Event,
    Execution,
    LogEntry,
    MetricPoint,
    State,
    StateEntry,
    Step,
    Workflow,
)

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


class Factory:
    """Makes rows in one database; every method takes columns to set by name."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers = count(1)

    async def _insert(self, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
        async with self._database.writing() as session:
            await session.execute(insert(model.__table__), list(rows))  # type: ignore[arg-type]

    async def workflow(self, **given: Any) -> UUID:
        """A workflow; returns its key."""
        number = next(self._numbers)
        row: dict[str, Any] = {
            "id": uuid7(),
            "name": f"workflow {number}",
            "version": "1",
            "status": WorkflowStatus.ACTIVE,
            "definition": {"steps": []},
            "priority": Priority.NORMAL,
            "environment": Environment.PRODUCTION,
            "created_by": "test",
        } | given
        await self._insert(Workflow, [{**row, "created_at": row.get("created_at", uuid7_time(row["id"]))}])
        return UUID(str(row["id"]))

    async def execution(self, workflow: UUID | None = None, **given: Any) -> UUID:
        """An execution with its empty state, PENDING unless told; returns its key."""
        (made,) = await self.executions(1, workflow, **given)
        return made

    async def executions(self, number: int, workflow: UUID | None = None, **given: Any) -> list[UUID]:
        """Several executions of one workflow, alike but for their ids and times."""
        workflow = workflow or await self.workflow()
        rows = [_execution(workflow, given) for _ in range(number)]
        await self._insert(Execution, rows)
        keys = [row["id"] for row in rows]
        await self._insert(State, [{"execution_id": key} for key in keys])
        return keys

    async def steps(self, execution: UUID, number: int = 1, start: int = 1, **given: Any) -> list[int]:
        """Steps with consecutive sequence numbers from `start`, COMPLETED unless told; returns those."""
        seqs = list(range(start, start + number))
        await self._insert(Step, [_step(execution, seq, given) for seq in seqs])
        await self._advance(execution, step_seq=seqs[-1])
        return seqs

    async def logs(self, execution: UUID, number: int = 1, start: int = 1, **given: Any) -> list[int]:
        """Log entries with consecutive sequence numbers from `start`; returns those."""
        seqs = list(range(start, start + number))
        rows = [
            {
                "execution_id": execution,
                "seq": seq,
                "step_seq": None,
                "level": LogLevel.INFO,
                "message": f"line {seq}",
                "logged_at": NOW + timedelta(milliseconds=seq),
            }
            | given
            for seq in seqs
        ]
        await self._insert(LogEntry, rows)
        await self._advance(execution, log_seq=seqs[-1])
        return seqs

    async def events(self, execution: UUID, number: int = 1, **given: Any) -> list[int]:
        """Events with sequence numbers from 1; returns those."""
        seqs = list(range(1, number + 1))
        blank = {"type": "EXECUTION_CREATED", "actor": "test", "changes": {}}
        await self._insert(Event, [{"execution_id": execution, "seq": seq, **blank, **given} for seq in seqs])
        await self._advance(execution, event_seq=seqs[-1])
        return seqs

    async def metric_points(self, execution: UUID, **values: float) -> None:
        """The execution's own numbers by name."""
        rows = [
            {"execution_id": execution, "seq": seq, "name": name, "value": value}
            for seq, (name, value) in enumerate(values.items(), 1)
        ]
        await self._insert(MetricPoint, rows)
        await self._advance(execution, metric_seq=len(rows))

    async def state(self, execution: UUID, *saves: dict[str, tuple[StateOp, Any]], **fields: Any) -> None:
        """The versions of a state: what each save did to which key; `fields` are the head's own."""
        rows = [
            {
                "execution_id": execution,
                "key": key,
                "version": version,
                "op": op,
                "value": value,
            }
            for version, save in enumerate(saves, 1)
            for key, (op, value) in save.items()
        ]
        await self._insert(StateEntry, rows)
        async with self._database.writing() as session:
            head = {"version": len(saves), **fields}
            await session.execute(update(State).where(State.execution_id == execution).values(head))

    async def checkpoints(self, execution: UUID, *versions: int, **given: Any) -> list[int]:
        """A checkpoint for each version of the state, each following the one before."""
        rows = [
            {
                "execution_id": execution,
                "seq": seq,
                "parent_seq": seq - 1 or None,
                "state_version": version,
                "created_by": "test",
            }
            | given
            for seq, version in enumerate(versions, 1)
        ]
        await self._insert(Checkpoint, rows)
        await self._advance(execution, checkpoint_seq=len(rows))
        return list(range(1, len(rows) + 1))

    async def tree(self, workflows: int, executions: int, steps: int, logs: int) -> list[UUID]:
        """Workflows, each with executions, each with steps, each with logs; returns the workflows' keys."""
        keys = [await self.workflow() for _ in range(workflows)]
        for workflow in keys:
            for execution in await self.executions(executions, workflow):
                for step in await self.steps(execution, steps):
                    await self.logs(execution, logs, start=(step - 1) * logs + 1, step_seq=step)
        return keys

    async def _advance(self, execution: UUID, **counters: int) -> None:
        async with self._database.writing() as session:
            await session.execute(update(Execution).where(Execution.id == execution).values(counters))


def _execution(workflow: UUID, given: dict[str, Any]) -> dict[str, Any]:
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


def _step(execution: UUID, seq: int, given: dict[str, Any]) -> dict[str, Any]:
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
