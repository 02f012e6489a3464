"""Writes to be made in batches, each with what the model says of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from db.enums import LogLevel, StepStatus
from db.writes.batch import WriteRequest
from db.writes.checkpoints import checkpointing
from db.writes.commits import StepCommit, committing
from db.writes.records import LogLine, appending
from db.writes.states import StateChange, saving
from db.writes.steps import StepEnd, StepStart, starting
from db.writes.write import Write
from tests.db.model import Model, Refusal


@dataclass(frozen=True)
class Asked:
    """A write, and how the model takes it."""

    kind: str
    request: Callable[[UUID, Write], WriteRequest]
    refusal: Callable[[Model], Refusal | None]


def saved(kind: str, given: Mapping[str, Any]) -> Asked:
    """A save: of the full set, by a patch, or by appending."""
    given_as: dict[str, Any] = {{"full": "variables", "patch": "patch", "append": "appends"}[kind]: given}
    change = StateChange(**given_as)
    return Asked(
        "save_state",
        lambda key, write: saving(key, write, change),
        lambda model: model.save(kind, dict(given), None, None),
    )


def taken() -> Asked:
    """A checkpoint."""
    return Asked(
        "create_checkpoint",
        lambda key, write: checkpointing(key, write, None, None, None),
        lambda model: model.mark(None),
    )


def started(step: str) -> Asked:
    """A start."""
    return Asked(
        "start_step",
        lambda key, write: starting(key, write, StepStart(step)),
        lambda model: model.start(step, None),
    )


def committed(step: str, status: StepStatus) -> Asked:
    """A commit."""
    commit = StepCommit(StepStart(step), StepEnd(status))
    return Asked(
        "commit_step",
        lambda key, write: committing(key, write, commit),
        lambda model: model.commit(step, status, None),
    )


def appended(lines: int) -> Asked:
    """Log entries."""
    entries = [LogLine(LogLevel.INFO, "line")] * lines
    return Asked(
        "append_logs",
        lambda key, write: appending(key, write, entries),
        lambda model: model.append(lines, None),
    )
