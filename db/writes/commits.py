"""A step's whole outcome in one transaction: its end, the state, a checkpoint, its logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from db.engine import Database
from db.enums import StepStatus
from db.transitions import not_again
from db.writes.answers import Outcome
from db.writes.batch import WriteRequest
from db.writes.checkpoints import add_checkpoint
from db.writes.dependencies import needs_of_dependencies, require_dependencies
from db.writes.draft import Draft, json_text
from db.writes.needs import STATE, steps
from db.writes.records import LogLine, append, steps_of_logs
from db.writes.seen import Attempt
from db.writes.states import StateChange, needs_of, save
from db.writes.steps import (
    TRIED_AGAIN,
    StepEnd,
    StepStart,
    close_for_retry,
    end_columns,
    finish,
    insert_attempt,
    require_ended_so,
    require_said,
)
from db.writes.write import Write
from db.writes.writer import writer_of


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
    return Committed(**await writer_of(database).write(committing(execution_id, write, commit)))


def committing(execution_id: UUID, write: Write, commit: StepCommit) -> WriteRequest:
    """A commit to be made; its outcome has the fields of `Committed`."""

    def decide(draft: Draft) -> Outcome:
        draft.require_lease()
        draft.require_live()
        latest = draft.latest(commit.start.key)
        if latest is not None and latest.status == commit.end.status and latest.status not in TRIED_AGAIN:
            return _done_so(draft, latest, commit)
        require_dependencies(draft, commit.start.key, commit.start.depends_on, latest)
        step = _finished(draft, latest, commit)
        version = draft.state.version if commit.state is None else save(draft, commit.state)
        if commit.logs:
            append(draft, commit.logs, (commit.start.key, step), "logs")
        checkpoint = None
        if commit.checkpoint is not None:
            wish = commit.checkpoint
            checkpoint = add_checkpoint(draft, commit.start.key, wish.label, wish.data)
        outcome = {"step": step, "version": version, "checkpoint": checkpoint}
        draft.sign(step, outcome)
        return outcome

    needs = steps((commit.start.key, *steps_of_logs(commit.logs)))
    needs |= STATE if commit.state is None else needs_of(commit.state)
    needs |= needs_of_dependencies(commit.start.depends_on)
    return WriteRequest(execution_id, write, decide, needs)


def _finished(draft: Draft, latest: Attempt | None, commit: StepCommit) -> int:
    """End the attempt under way, or insert one that has ended."""
    if latest is not None and latest.status in (StepStatus.PENDING, StepStatus.RUNNING):
        finish(draft, latest, commit.end, commit.start)
        return latest.seq
    close_for_retry(draft, latest)
    columns = end_columns(draft, commit.end, None)
    if commit.end.metrics is not None:
        columns["metrics"] = json_text(commit.end.metrics)
    return insert_attempt(draft, latest, commit.start, commit.end.status, **columns)


def _done_so(draft: Draft, done: Attempt, commit: StepCommit) -> Outcome:
    """The outcome of a commit for a step that has ended so; raises `InvalidTransition` for another."""
    if done.signed is not None and done.signed[0] == draft.write.fingerprint.hex():
        return done.signed[1]
    require_said(done, commit.start)
    require_ended_so(done, commit.end)
    parts = {"state": commit.state, "checkpoint": commit.checkpoint, "logs": commit.logs or None}
    if brought := [name for name, part in parts.items() if part is not None]:
        raise not_again(done.shown, done.status, f"another {' and another '.join(brought)}")
    return {"step": done.seq, "version": draft.state.version, "checkpoint": None}
