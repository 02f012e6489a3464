"""A step's whole outcome in one transaction: its end, the state, a checkpoint, its logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func

from db.engine import Database
from db.enums import TERMINAL_STEP, StepStatus
from db.writes.checkpoints import checkpoint_in_unit, state_head
from db.writes.records import LogLine, append_in_unit
from db.writes.states import StateChange, save_in_unit
from db.writes.steps import (
    StepEnd,
    StepStart,
    close_for_retry,
    finish_in_unit,
    insert_attempt,
    latest_attempt,
)
from db.writes.unit import Outcome, Unit, write_execution
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
    """Commit a step's outcome; it need not have been started. One that is committed already stays as it is.

    Raises what its parts raise; nothing is changed then.
    """

    async def work(unit: Unit) -> Outcome:
        unit.require_live()
        latest = await latest_attempt(unit, commit.start.key)
        if latest is not None and latest.status == commit.end.status and commit.end.status in TERMINAL_STEP:
            return {"step": latest.seq, "version": (await state_head(unit)).version, "checkpoint": None}
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

    return Committed(**await write_execution(database, execution_id, write, work))


async def _finished(unit: Unit, latest: Any, commit: StepCommit) -> int:
    """End the attempt under way, or insert one that has ended."""
    if latest is not None and latest.status in (StepStatus.PENDING, StepStatus.RUNNING):
        await finish_in_unit(unit, latest, commit.end)
        seq: int = latest.seq
        return seq
    await close_for_retry(unit, latest)
    end = commit.end
    ended = {"completed_at": func.statement_timestamp()} if end.status in TERMINAL_STEP else {}
    columns = {"output": end.output, "error": end.error, "metrics": end.metrics, **ended}
    return await insert_attempt(unit, latest, commit.start, end.status, **columns)
