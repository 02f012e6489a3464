"""Steps: start and finish attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from db.engine import Database
from db.enums import TERMINAL_STEP, EventType, StepStatus
from db.errors import InvalidInput, InvalidTransition, NotFound
from db.jsonb import differ
from db.transitions import STEP_MOVES, require_move, require_same
from db.writes.answers import Outcome
from db.writes.batch import WriteRequest
from db.writes.dependencies import needs_of_dependencies, require_dependencies
from db.writes.draft import Draft, json_text
from db.writes.needs import Needs, steps
from db.writes.rows import Row
from db.writes.seen import Attempt
from db.writes.write import Write
from db.writes.writer import writer_of

# A step that ended so may be tried again, as another attempt.
TRIED_AGAIN = (StepStatus.RETRYING, StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.TIMED_OUT)


# What is said of a step, by the name that it has for clients.
_SAID = {"name": "name", "type": "type", "input": "input", "depends_on": "dependsOn"}


@dataclass(frozen=True)
class StepStart:
    """What is known of a step when it starts; name and type default to the key and `task`."""

    key: str
    name: str | None = None
    type: str | None = None
    input: Any = None
    depends_on: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse a key that can't be one."""
        if not 1 <= len(self.key) <= 500:
            raise InvalidInput("The key of a step has 1 to 500 characters.")


@dataclass(frozen=True)
class StepEnd:
    """How an attempt ends: an output goes with COMPLETED, an error with a bad end or RETRYING."""

    status: StepStatus
    output: Any = None
    error: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse what doesn't fit together."""
        if self.status in (StepStatus.PENDING, StepStatus.RUNNING):
            raise InvalidInput(f"{self.status} is no end of a step.")
        if self.output is not None and self.status != StepStatus.COMPLETED:
            raise InvalidInput(f"An output goes with COMPLETED only, not with {self.status}.")
        if self.error is not None and self.status not in TRIED_AGAIN:
            raise InvalidInput(f"An error goes with {', '.join(TRIED_AGAIN)} only, not with {self.status}.")


async def start_step(database: Database, execution_id: UUID, write: Write, start: StepStart) -> int:
    """Start a step, or a new attempt at one that did not end well; returns the attempt's seq.

    Starting one that runs already changes nothing, provided that nothing else is said of it than before.
    Raises `InvalidTransition` otherwise, and for a step that is done; `InvalidInput` for what it can't depend
    on; `StaleLease` without the epoch of a lease that is valid.
    """
    seq: int = (await writer_of(database).write(starting(execution_id, write, start)))["step"]
    return seq


def starting(execution_id: UUID, write: Write, start: StepStart) -> WriteRequest:
    """A start to be made; its outcome has the attempt's number as `step`."""

    def decide(draft: Draft) -> Outcome:
        draft.require_lease()
        draft.require_live()
        latest = draft.latest(start.key)
        if latest is not None and latest.status == StepStatus.RUNNING:
            require_said(latest, start)
            return {"step": latest.seq}
        require_dependencies(draft, start.key, start.depends_on, latest)
        return {"step": _start(draft, latest, start)}

    needs = steps((start.key,)) | needs_of_dependencies(start.depends_on)
    return WriteRequest(execution_id, write, decide, needs)


async def finish_step(database: Database, execution_id: UUID, seq: int, write: Write, end: StepEnd) -> None:
    """End an attempt, or mark it to be retried.

    Ending it in the same way again changes nothing, provided that it brings nothing else than is there.
    Raises `NotFound`, `InvalidTransition`, and `StaleLease` without the epoch of a lease that is valid.
    """

    def decide(draft: Draft) -> Outcome:
        draft.require_lease()
        draft.require_live()
        attempt = draft.attempt(seq)
        if attempt is None:
            raise NotFound("step", f"step_{execution_id.hex}_{seq}")
        finish(draft, attempt, end)
        return {}

    await writer_of(database).write(
        WriteRequest(execution_id, write, decide, Needs(attempts=frozenset((seq,))))
    )


def _start(draft: Draft, latest: Attempt | None, start: StepStart) -> int:
    if latest is not None and latest.status == StepStatus.PENDING:
        started, row, changes = _said_anew(start, latest)
        changes["status"] = {"before": StepStatus.PENDING, "after": StepStatus.RUNNING}
        event = draft.note(EventType.STEP_STARTED, {"step": latest.seq, "key": start.key, **changes})
        started = started._replace(status=StepStatus.RUNNING, started_at=draft.now, event_seq=event)
        draft.change_attempt(started, {**row, **_moment(started)})
        return latest.seq
    close_for_retry(draft, latest)
    return insert_attempt(draft, latest, start, StepStatus.RUNNING)


def close_for_retry(draft: Draft, latest: Attempt | None) -> None:
    """Make room for another attempt: a RETRYING one has failed for good.

    Raises `InvalidTransition` where the step is done and needs none.
    """
    if latest is None or latest.status in (StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.TIMED_OUT):
        return
    if latest.status != StepStatus.RETRYING:
        raise InvalidTransition(latest.status, StepStatus.RUNNING, STEP_MOVES[StepStatus(latest.status)])
    finish(draft, latest, StepEnd(StepStatus.FAILED))


def insert_attempt(
    draft: Draft,
    latest: Attempt | None,
    start: StepStart,
    status: StepStatus,
    *,
    copied: Attempt | None = None,
    **columns: Any,
) -> int:
    """Insert the next attempt at a step, described like the `latest` one but for what `start` says.

    A `copied` one gives all that it is. `columns` are more of its columns, JSON as text. Returns its seq.
    """
    seq = draft.take("step_seq")
    number = 1 if latest is None else latest.attempt + 1
    changes = {"key": start.key, "attempt": number, "status": {"after": status}}
    event = draft.note(EventType.STEP_STARTED, {"step": seq, **changes})
    started = None if status == StepStatus.PENDING or copied is not None else draft.now
    attempt = Attempt(seq, start.key, number, status, event, started, **_described(start, latest))
    row = {"key": start.key, "attempt": number, **_given(start), **_moment(attempt), **columns}
    draft.add_attempt(attempt, row, like=copied or latest, whole=copied is not None)
    return seq


def _moment(attempt: Attempt) -> Row:
    """The columns of every change."""
    return {"status": attempt.status, "event_seq": attempt.event_seq, "started_at": attempt.started_at}


def _given(start: StepStart) -> Row:
    """The columns of what is said of the step now."""
    said = {
        "name": start.name,
        "type": start.type,
        "input": None if start.input is None else json_text(start.input),
        "depends_on": json_text(list(start.depends_on)) if start.depends_on else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _described(start: StepStart, latest: Attempt | None) -> dict[str, Any]:
    """What is said of the step now, else what was said of the attempt before."""
    return {
        "name": start.name or (latest.name if latest else start.key),
        "type": start.type or (latest.type if latest else "task"),
        "input": start.input if start.input is not None or latest is None else latest.input,
        "depends_on": list(start.depends_on) or (latest.depends_on if latest else []),
    }


def _said_anew(start: StepStart, latest: Attempt) -> tuple[Attempt, Row, dict[str, Any]]:
    """What is said of an attempt that was not said of it before: as it is then, its columns, the changes."""
    said = {
        name: value
        for name, value in _described(start, latest).items()
        if differ(getattr(latest, name), value)
    }
    columns = {name: text for name, text in _given(start).items() if name in said}
    changes = {_SAID[name]: {"before": getattr(latest, name), "after": value} for name, value in said.items()}
    return latest._replace(**said), columns, changes


def require_said(attempt: Attempt, start: StepStart) -> None:
    """Raise `InvalidTransition` where `start` says something else of the step than was said before."""
    there = {shown: getattr(attempt, name) for name, shown in _SAID.items()}
    brought = {"name": start.name, "type": start.type, "input": start.input}
    brought["dependsOn"] = list(start.depends_on) or None
    require_same(attempt.shown, attempt.status, there, brought)


def require_ended_so(attempt: Attempt, end: StepEnd) -> None:
    """Raise `InvalidTransition` where `end` brings something else than the attempt has ended with."""
    measured = attempt.metrics or {}
    there = {"output": attempt.output, "error": attempt.error, "metrics": measured}
    brought = {"output": end.output, "error": end.error, "metrics": {**measured, **(end.metrics or {})}}
    require_same(attempt.shown, attempt.status, there, brought)


def finish(draft: Draft, attempt: Attempt, end: StepEnd, start: StepStart | None = None) -> bool:
    """Within a write: end an attempt, with what `start` says of it. False where it had ended so already.

    Raises `InvalidTransition`, also where it had ended so, but with something else.
    """
    before = StepStatus(attempt.status)
    if not require_move(STEP_MOVES, before, end.status):
        require_ended_so(attempt, end)
        return False
    row: Row = {}
    changes: dict[str, Any] = {}
    if start is not None:
        attempt, row, changes = _said_anew(start, attempt)
    changes |= {"step": attempt.seq, "key": attempt.key, "attempt": attempt.attempt}
    changes["status"] = {"before": before, "after": end.status}
    if end.error is not None:
        changes["error"] = {"after": end.error}
    started = attempt.started_at
    if started is None and end.status in (StepStatus.COMPLETED, StepStatus.FAILED):
        started = draft.now
    ended = attempt._replace(
        status=end.status,
        event_seq=draft.note(EventType.STEP_CHANGED, changes),
        started_at=started,
        metrics=attempt.metrics if end.metrics is None else {**(attempt.metrics or {}), **end.metrics},
        output=end.output,
        error=end.error,
    )
    row = {**row, **_moment(ended), **end_columns(draft, end, started)}
    if end.metrics is not None:
        row["metrics"] = json_text(ended.metrics)
    draft.change_attempt(ended, row)
    return True


def end_columns(draft: Draft, end: StepEnd, started: datetime | None) -> Row:
    """The columns that an end sets: when, and what came of it."""
    row: Row = {}
    if end.status in TERMINAL_STEP:
        # Started by a clock that is ahead, it still can't end before.
        row["completed_at"] = draft.now if started is None else max(draft.now, started)
    if end.output is not None:
        row["output"] = json_text(end.output)
    if end.error is not None:
        row["error"] = json_text(end.error)
    return row
