"""A step's whole outcome in one transaction: its end, the state, a checkpoint, its logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from db.engine import Database
from db.enums import TERMINAL_STEP, StepStatus
from db.models import Event
from db.transitions import not_again
from db.writes.checkpoints import checkpoint_in_unit, state_head
from db.writes.dependencies import require_dependencies
from db.writes.records import LogLine, append_in_unit
from db.writes.states import StateChange, save_in_unit
from db.writes.steps import (
    TRIED_AGAIN,
    StepEnd,
    StepStart,
    close_for_retry,
    finish_in_unit,
    insert_attempt,
    latest_attempt,
    require_ended_so,
    require_said,
    shown_attempt,
)
from db.writes.unit import NO_VALID_LEASE, Outcome, Unit, write_execution
from db.writes.write import Write


@dataclass(frozen=True)
class CheckpointWish:
    """A checkpoint to take with a commit."""

    label: str | None = None
    data: Any = None


@dataclass(frozen=True)
class StepCommit:
    """What a commit holds; all of it is written, or nothing."""

    start: StepStart
    end: StepEnd
    state: StateChange | None = None
    checkpoint: CheckpointWish | None = None
    logs: Sequence[LogLine] = ()


@dataclass(frozen=True)
class Committed:
    """What a commit came to: the attempt, the state's version, and the checkpoint if one was taken."""

    step: int
    version: int
    checkpoint: int | None


async def commit_step(database: Database, execution_id: UUID, write: Write, commit: StepCommit) -> Committed:
    """Commit a step's outcome; it need not have been started. After a bad end it is another attempt.

    A step that is done stays so: the commit that made it so may come again word for word, and so may one
    that brings nothing but the same end; both change nothing. Raises `InvalidTransition` for any other,
    and what its parts raise; nothing is changed then.
    """

    async def work(unit: Unit) -> Outcome:
        unit.require_live()
        latest = await latest_attempt(unit, commit.start.key)
        if latest is not None and latest.status == commit.end.status and commit.end.status not in TRIED_AGAIN:
            return await _done_so(unit, latest, commit)
        await require_dependencies(unit, commit.start.key, commit.start.depends_on, latest)
        step = await _finished(unit, latest, commit)
        version = (
            (await state_head(unit)).version
            if commit.state is None
            else await save_in_unit(unit, commit.state)
        )
        if commit.logs:
            await append_in_unit(unit, commit.logs, (commit.start.key, step), "logs")
        checkpoint = None
        if commit.checkpoint is not None:
            wish = commit.checkpoint
            checkpoint = await checkpoint_in_unit(unit, commit.start.key, wish.label, wish.data)
        return {"step": step, "version": version, "checkpoint": checkpoint}

    return Committed(**await write_execution(database, execution_id, write, work, guard=NO_VALID_LEASE))


async def _finished(unit: Unit, latest: Any, commit: StepCommit) -> int:
    """End the attempt under way, or insert one that has ended."""
    if latest is not None and latest.status in (StepStatus.PENDING, StepStatus.RUNNING):
        await finish_in_unit(unit, latest, commit.end, commit.start)
        unit.signed = unit.event_seq
        seq: int = latest.seq
        return seq
    await close_for_retry(unit, latest)
    end = commit.end
    ended = {"completed_at": func.statement_timestamp()} if end.status in TERMINAL_STEP else {}
    columns = {"output": end.output, "error": end.error, "metrics": end.metrics, **ended}
    seq = await insert_attempt(unit, latest, commit.start, end.status, **columns)
    unit.signed = unit.event_seq
    return seq


async def _done_so(unit: Unit, done: Any, commit: StepCommit) -> Outcome:
    """The outcome of a commit for a step that has ended so; raises `InvalidTransition` for another."""
    if (first := await _first_outcome(unit, done)) is not None:
        return first
    require_said(done, commit.start)
    require_ended_so(done, commit.end)
    parts = {"state": commit.state, "checkpoint": commit.checkpoint, "logs": commit.logs or None}
    if brought := [name for name, part in parts.items() if part is not None]:
        raise not_again(shown_attempt(done), done.status, f"another {' and another '.join(brought)}")
    return {"step": done.seq, "version": (await state_head(unit)).version, "checkpoint": None}


async def _first_outcome(unit: Unit, done: Any) -> Outcome | None:
    """What the commit came to that ended the attempt, where it was this one word for word."""
    recorded = select(Event.fingerprint, Event.outcome).where(
        Event.execution_id == unit.id, Event.seq == done.event_seq
    )
    event = (await unit.session.execute(recorded)).one_or_none()
    if event is None or event.outcome is None:
        return None
    outcome: Outcome = event.outcome
    known = outcome.pop("fingerprint") if event.fingerprint is None else event.fingerprint.hex()
    return outcome if known == unit.write.fingerprint.hex() else None
