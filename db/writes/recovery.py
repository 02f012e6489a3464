"""Recovery after a crash: an execution goes back to a checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database
from db.enums import TERMINAL_STEP, EventType, ExecutionStatus, StepStatus
from db.errors import NotFound
from db.models import Checkpoint, Event, Execution, Step
from db.recovery_plan import done_at, to_run_again
from db.state_values import fetch_values
from db.writes.checkpoints import descend_from, state_head
from db.writes.keyed import Outcome
from db.writes.leases import give_lease, raise_epoch
from db.writes.states import StateChange, save_in_unit
from db.writes.steps import StepEnd, StepStart, finish_in_unit, insert_attempt
from db.writes.unit import NO_VALID_LEASE, Unit, write_execution
from db.writes.write import Write

_FIELDS = ("current_step", "completed_steps", "failed_steps", "skipped_steps", "parallel_groups")
_ABSENT: Mapping[str, Any] = {"completed_steps": [], "failed_steps": [], "skipped_steps": []}


@dataclass(frozen=True)
class Recovered:
    """What a recovery did, or would do: the seqs of the checkpoint used, and of the attempts.

    `kept` are attempts that the checkpoint knew as done; `rerun` those to run again: in a plan the last
    attempts so far, else the new PENDING ones that replace them.
    """

    checkpoint: int | None
    version: int
    kept: list[int]
    rerun: list[int]


async def recover_execution(
    database: Database,
    execution_id: UUID,
    write: Write,
    checkpoint: int | None,
    lease: tuple[str, timedelta] | None,
    *,
    plan: bool,
    force: bool = False,
) -> Recovered:
    """Go back to a checkpoint, by default the one that the state descends from.

    Restores its state as a new version, raises the epoch so that the old worker is fenced out, and gives
    every step that was not done at the checkpoint a new PENDING attempt. With a `lease` (holder, ttl) the
    execution is RUNNING under it, else PENDING. Without any checkpoint it starts over from its first
    variables. A `plan` only tells. Raises `NotFound` for the checkpoint, and `StaleLease` where somebody
    else's lease is valid and neither its epoch is given nor the recovery a `force`d one.
    """

    async def work(unit: Unit) -> Outcome:
        base = await _base(unit, checkpoint)
        attempts = await attempts_of(unit.session, unit.id)
        done = done_at(attempts, base)
        latest = {step.key: step for step in attempts}
        rerun = to_run_again(attempts, done)
        if plan:
            seqs = {"kept": [step.seq for step in done.values()], "rerun": [step.seq for step in rerun]}
            return {"checkpoint": base.seq, "version": base.state_version, **seqs}
        _reopen(unit, base.seq, lease)
        version = await save_in_unit(unit, await _restoring(unit, base.state_version))
        if base.seq is not None:
            await descend_from(unit, base.seq)
        return {
            "checkpoint": base.seq,
            "version": version,
            "kept": [await _keep(unit, latest[key], step) for key, step in done.items()],
            "rerun": [await _reset(unit, step) for step in rerun],
        }

    if plan:
        # Without its key: a look must not be taken for the deed that follows it.
        write = Write(write.actor, write.fingerprint, epoch=write.epoch)
    guard = None if plan or force else _left_alone(lease)
    return Recovered(**await write_execution(database, execution_id, write, work, guard=guard))


def _left_alone(lease: tuple[str, timedelta] | None) -> ColumnElement[bool]:
    """The execution may be recovered without an epoch: no lease is valid, but perhaps one's own."""
    return NO_VALID_LEASE if lease is None else or_(NO_VALID_LEASE, Execution.lease_holder == lease[0])


@dataclass(frozen=True)
class _Base:
    """Where a recovery goes back to."""

    seq: int | None
    state_version: int
    event_seq: int
    step_seq: int


async def _base(unit: Unit, checkpoint: int | None) -> _Base:
    seq = checkpoint if checkpoint is not None else (await state_head(unit)).checkpoint_seq
    if seq is None:
        begun = await unit.session.scalar(
            select(Event.changes).where(Event.execution_id == unit.id, Event.seq == 1)
        )
        return _Base(None, 1 if (begun or {}).get("variables", {}).get("after") else 0, 0, 0)
    place = (Checkpoint.seq, Checkpoint.state_version, Checkpoint.event_seq, Checkpoint.step_seq)
    statement = select(*place).where(Checkpoint.execution_id == unit.id, Checkpoint.seq == seq)
    row = (await unit.session.execute(statement)).one_or_none()
    if row is None:
        raise NotFound("checkpoint", f"chk_{unit.id.hex}_{seq}")
    return _Base(*row)


async def attempts_of(session: AsyncSession, execution_id: UUID) -> list[Any]:
    """All attempts at all steps, in their order."""
    statement = select(*Step.__table__.columns).where(Step.execution_id == execution_id).order_by(Step.seq)
    return list((await session.execute(statement)).all())


def _reopen(unit: Unit, seq: int | None, lease: tuple[str, timedelta] | None) -> None:
    to = ExecutionStatus.PENDING if lease is None else ExecutionStatus.RUNNING
    unit.columns |= {"status": to, "completed_at": None, "result": None, "error": None}
    if lease is None:
        raise_epoch(unit)
    else:
        unit.columns["started_at"] = func.coalesce(Execution.started_at, func.statement_timestamp())
    changes: dict[str, Any] = {"checkpoint": seq, "status": {"before": unit.row.status, "after": to}}
    changes["leaseEpoch"] = {"before": unit.row.lease_epoch, "after": unit.row.lease_epoch + 1}
    unit.note(EventType.EXECUTION_RECOVERED, changes)
    if lease is not None:
        give_lease(unit, *lease)


async def _restoring(unit: Unit, version: int) -> StateChange:
    """The save that makes the head what it was at `version`."""
    (variables,) = await fetch_values(unit.driver, [(unit.id, version)])
    fields = await fields_at(unit.driver, unit.id, version)
    return StateChange(
        variables={key: orjson.loads(text) for key, text in variables.items()},
        fields={name: fields.get(name, _ABSENT.get(name)) for name in _FIELDS},
    )


async def fields_at(driver: Any, execution_id: UUID, version: int) -> dict[str, Any]:
    """The state's own fields that had a value at `version`."""
    (fields,) = await fetch_values(driver, [(execution_id, version)], field=True)
    return {name: orjson.loads(text) for name, text in fields.items()}


async def _keep(unit: Unit, latest: Any, done: Any) -> int:
    """Let the step stand as it was done; returns the seq of the attempt that says so.

    A recovery to an earlier checkpoint may have added an attempt since: then a copy goes on top of it.
    """
    if latest.seq == done.seq:
        seq: int = done.seq
        return seq
    await _close(unit, latest)
    names = ("output", "metrics", "started_at", "completed_at")
    copied = {name: getattr(done, name) for name in names}
    start = StepStart(done.key, done.name, done.type, done.input, done.depends_on)
    return await insert_attempt(unit, latest, start, StepStatus(done.status), **copied)


async def _reset(unit: Unit, step: Any) -> int:
    """Close what was under way and add a PENDING attempt; returns its seq."""
    if step.status == StepStatus.PENDING:
        seq: int = step.seq
        return seq
    await _close(unit, step)
    return await insert_attempt(unit, step, StepStart(step.key), StepStatus.PENDING)


async def _close(unit: Unit, step: Any) -> None:
    if step.status not in TERMINAL_STEP:
        error = {"message": "The execution was recovered while this attempt was under way."}
        await finish_in_unit(unit, step, StepEnd(StepStatus.CANCELLED, error=error))
