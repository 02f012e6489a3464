"""Steps: start and finish attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update

from db.engine import Database
from db.enums import TERMINAL_STEP, EventType, StepStatus
from db.errors import InvalidInput, InvalidTransition, NotFound
from db.models import Step
from db.transitions import STEP_MOVES, differ, require_move, require_same
from db.writes.dependencies import require_dependencies
from db.writes.unit import NO_VALID_LEASE, Outcome, Unit, write_execution
from db.writes.write import Write

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

    async def work(unit: Unit) -> Outcome:
        unit.require_live()
        latest = await latest_attempt(unit, start.key)
        if latest is not None and latest.status == StepStatus.RUNNING:
            require_said(latest, start)
            return {"step": latest.seq}
        await require_dependencies(unit, start.key, start.depends_on, latest)
        return {"step": await _start(unit, latest, start)}

    seq: int = (await write_execution(database, execution_id, write, work, guard=NO_VALID_LEASE))["step"]
    return seq


async def finish_step(database: Database, execution_id: UUID, seq: int, write: Write, end: StepEnd) -> None:
    """End an attempt, or mark it to be retried.

    Ending it in the same way again changes nothing, provided that it brings nothing else than is there.
    Raises `NotFound`, `InvalidTransition`, and `StaleLease` without the epoch of a lease that is valid.
    """

    async def work(unit: Unit) -> Outcome:
        unit.require_live()
        statement = select(*Step.__table__.columns).where(Step.execution_id == unit.id, Step.seq == seq)
        attempt = (await unit.session.execute(statement)).one_or_none()
        if attempt is None:
            raise NotFound("step", f"step_{execution_id.hex}_{seq}")
        await finish_in_unit(unit, attempt, end)
        return {}

    await write_execution(database, execution_id, write, work, guard=NO_VALID_LEASE)


async def latest_attempt(unit: Unit, key: str) -> Any:
    """The row of the last attempt at a step; None before the first."""
    statement = (
        select(*Step.__table__.columns)
        .where(Step.execution_id == unit.id, Step.key == key)
        .order_by(Step.attempt.desc())
        .limit(1)
    )
    return (await unit.session.execute(statement)).one_or_none()


async def _start(unit: Unit, latest: Any, start: StepStart) -> int:
    if latest is not None and latest.status == StepStatus.PENDING:
        said, changes = _said_anew(start, latest)
        changes["status"] = {"before": StepStatus.PENDING, "after": StepStatus.RUNNING}
        event = unit.note(EventType.STEP_STARTED, {"step": latest.seq, "key": start.key, **changes})
        values = {"status": StepStatus.RUNNING, "started_at": func.statement_timestamp(), "event_seq": event}
        await _change(unit, latest.seq, {**values, **said})
        seq: int = latest.seq
        return seq
    await close_for_retry(unit, latest)
    return await insert_attempt(unit, latest, start, StepStatus.RUNNING)


async def close_for_retry(unit: Unit, latest: Any) -> None:
    """Make room for another attempt: a RETRYING one has failed for good.

    Raises `InvalidTransition` where the step is done and needs none.
    """
    if latest is None or latest.status in (StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.TIMED_OUT):
        return
    if latest.status != StepStatus.RETRYING:
        raise InvalidTransition(latest.status, StepStatus.RUNNING, STEP_MOVES[StepStatus(latest.status)])
    await finish_in_unit(unit, latest, StepEnd(StepStatus.FAILED))


async def insert_attempt(
    unit: Unit, latest: Any, start: StepStart, status: StepStatus, **columns: Any
) -> int:
    """Insert the next attempt at a step; returns its seq."""
    seq = unit.take("step_seq")
    attempt = 1 if latest is None else latest.attempt + 1
    changes = {"key": start.key, "attempt": attempt, "status": {"after": status}}
    event = unit.note(EventType.STEP_STARTED, {"step": seq, **changes})
    row = {
        "execution_id": unit.id,
        "seq": seq,
        "key": start.key,
        "attempt": attempt,
        "status": status,
        "event_seq": event,
        "started_at": None if status == StepStatus.PENDING else func.statement_timestamp(),
        **_described(start, latest),
        **columns,
    }
    await unit.session.execute(insert(Step).values(row))
    return seq


def _described(start: StepStart, latest: Any) -> dict[str, Any]:
    """What is said of the step now, else what was said of the attempt before."""
    return {
        "name": start.name or (latest.name if latest else start.key),
        "type": start.type or (latest.type if latest else "task"),
        "input": start.input if start.input is not None or latest is None else latest.input,
        "depends_on": list(start.depends_on) or (latest.depends_on if latest else []),
    }


def _said_anew(start: StepStart, latest: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is said of an attempt that was not said of it before: its columns, and the changes to them."""
    there = latest._mapping
    said = {name: value for name, value in _described(start, latest).items() if differ(there[name], value)}
    return said, {_SAID[name]: {"before": there[name], "after": value} for name, value in said.items()}


def require_said(attempt: Any, start: StepStart) -> None:
    """Raise `InvalidTransition` where `start` says something else of the step than was said before."""
    there = {shown: getattr(attempt, name) for name, shown in _SAID.items()}
    brought = {"name": start.name, "type": start.type, "input": start.input}
    brought["dependsOn"] = list(start.depends_on) or None
    require_same(shown_attempt(attempt), attempt.status, there, brought)


def require_ended_so(attempt: Any, end: StepEnd) -> None:
    """Raise `InvalidTransition` where `end` brings something else than the attempt has ended with."""
    measured = attempt.metrics or {}
    there = {"output": attempt.output, "error": attempt.error, "metrics": measured}
    brought = {"output": end.output, "error": end.error, "metrics": {**measured, **(end.metrics or {})}}
    require_same(shown_attempt(attempt), attempt.status, there, brought)


def shown_attempt(attempt: Any) -> str:
    """What messages call an attempt."""
    return f"Attempt {attempt.attempt} at the step {attempt.key!r}"


async def finish_in_unit(unit: Unit, attempt: Any, end: StepEnd, start: StepStart | None = None) -> bool:
    """Within a write: end an attempt, with what `start` says of it. False where it had ended so already.

    Raises `InvalidTransition`, also where it had ended so, but with something else.
    """
    before = StepStatus(attempt.status)
    if not require_move(STEP_MOVES, before, end.status):
        require_ended_so(attempt, end)
        return False
    said, changes = ({}, {}) if start is None else _said_anew(start, attempt)
    changes |= {"step": attempt.seq, "key": attempt.key, "attempt": attempt.attempt}
    changes["status"] = {"before": before, "after": end.status}
    if end.error is not None:
        changes["error"] = {"after": end.error}
    values = {**said, "status": end.status, "event_seq": unit.note(EventType.STEP_CHANGED, changes)}
    if end.status in TERMINAL_STEP:
        values["completed_at"] = func.greatest(func.statement_timestamp(), Step.started_at)
    if attempt.started_at is None and end.status in (StepStatus.COMPLETED, StepStatus.FAILED):
        values["started_at"] = func.statement_timestamp()
        values["completed_at"] = func.statement_timestamp()
    for name, value in (("output", end.output), ("error", end.error)):
        if value is not None:
            values[name] = value
    if end.metrics is not None:
        values["metrics"] = {**(attempt.metrics or {}), **end.metrics}
    await _change(unit, attempt.seq, values)
    return True


async def _change(unit: Unit, seq: int, values: dict[str, Any]) -> None:
    statement = update(Step).where(Step.execution_id == unit.id, Step.seq == seq).values(values)
    await unit.session.execute(statement, execution_options={"synchronize_session": False})
