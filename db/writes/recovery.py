"""Recovery after a crash, and forks: back to a checkpoint, in place or in an execution of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database
from db.enums import TERMINAL_STEP, EventType, ExecutionStatus, StepStatus
from db.errors import NotFound
from db.ids import uuid7, uuid7_time
from db.merge import merge_patch
from db.models import Checkpoint, Event, Execution, State, Step
from db.state_values import fetch_values
from db.writes.checkpoints import descend_from, state_head
from db.writes.executions import note_first_event
from db.writes.keyed import Outcome, write_keyed
from db.writes.leases import give_lease, raise_epoch
from db.writes.states import StateChange, save_in_unit, seed_state
from db.writes.steps import StepEnd, StepStart, finish_in_unit, insert_attempt
from db.writes.unit import Unit, write_execution
from db.writes.write import Write

_FIELDS = ("current_step", "completed_steps", "failed_steps", "skipped_steps", "parallel_groups")
_ABSENT: Mapping[str, Any] = {"completed_steps": [], "failed_steps": [], "skipped_steps": []}
_DONE = (StepStatus.COMPLETED, StepStatus.SKIPPED)
_COPIED = [
    column.name
    for column in Step.__table__.columns
    if column.name not in ("execution_id", "seq", "attempt", "event_seq", "created_at")
]


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
) -> Recovered:
    """Go back to a checkpoint, by default the one that the state descends from.

    Restores its state as a new version, raises the epoch so that the old worker is fenced out, and gives
    every step that was not done at the checkpoint a new PENDING attempt. With a `lease` (holder, ttl) the
    execution is RUNNING under it, else PENDING. Without any checkpoint it starts over from its first
    variables. A `plan` only tells. Raises `NotFound` for the checkpoint.
    """

    async def work(unit: Unit) -> Outcome:
        base = await _base(unit, checkpoint)
        latest = await _latest_attempts(unit)
        kept = [step for step in latest if _kept(step, base.event_seq)]
        rerun = [step for step in latest if not _kept(step, base.event_seq)]
        seqs = {"checkpoint": base.seq, "kept": [step.seq for step in kept]}
        if plan:
            return {**seqs, "version": base.state_version, "rerun": [step.seq for step in rerun]}
        _reopen(unit, base.seq, lease)
        version = await save_in_unit(unit, await _restoring(unit, base.state_version))
        if base.seq is not None:
            await descend_from(unit, base.seq)
        return {**seqs, "version": version, "rerun": [await _reset(unit, step) for step in rerun]}

    if plan:
        # Without its key: a look must not be taken for the deed that follows it.
        write = Write(write.actor, write.fingerprint, epoch=write.epoch)
    return Recovered(**await write_execution(database, execution_id, write, work))


@dataclass(frozen=True)
class _Base:
    """Where a recovery goes back to."""

    seq: int | None
    state_version: int
    event_seq: int


async def _base(unit: Unit, checkpoint: int | None) -> _Base:
    seq = checkpoint if checkpoint is not None else (await state_head(unit)).checkpoint_seq
    if seq is None:
        begun = await unit.session.scalar(
            select(Event.changes).where(Event.execution_id == unit.id, Event.seq == 1)
        )
        return _Base(None, 1 if (begun or {}).get("variables", {}).get("after") else 0, 0)
    statement = select(Checkpoint.seq, Checkpoint.state_version, Checkpoint.event_seq).where(
        Checkpoint.execution_id == unit.id, Checkpoint.seq == seq
    )
    row = (await unit.session.execute(statement)).one_or_none()
    if row is None:
        raise NotFound("checkpoint", f"chk_{unit.id.hex}_{seq}")
    return _Base(*row)


async def _latest_attempts(unit: Unit) -> list[Any]:
    statement = (
        select(*Step.__table__.columns)
        .where(Step.execution_id == unit.id)
        .ext(distinct_on(Step.key))
        .order_by(Step.key, Step.attempt.desc())
    )
    return sorted((await unit.session.execute(statement)).all(), key=lambda step: step.seq)


def _kept(step: Any, event_seq: int) -> bool:
    return step.status in _DONE and step.event_seq <= event_seq


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
    (fields,) = await fetch_values(unit.driver, [(unit.id, version)], field=True)
    return StateChange(
        variables={key: orjson.loads(text) for key, text in variables.items()},
        fields={
            name: orjson.loads(fields[name]) if name in fields else _ABSENT.get(name) for name in _FIELDS
        },
    )


async def _reset(unit: Unit, step: Any) -> int:
    """Close what was under way and add a PENDING attempt; returns its seq."""
    if step.status == StepStatus.PENDING:
        seq: int = step.seq
        return seq
    if step.status not in TERMINAL_STEP:
        error = {"message": "The execution was recovered while this attempt was under way."}
        await finish_in_unit(unit, step, StepEnd(StepStatus.CANCELLED, error=error))
    return await insert_attempt(unit, step, StepStart(step.key), StepStatus.PENDING)


async def fork_execution(
    database: Database, execution_id: UUID, seq: int, write: Write, patch: Mapping[str, Any]
) -> UUID:
    """Start a new, PENDING execution of the same workflow from a checkpoint; returns its key.

    It begins with the checkpoint's variables, changed by `patch` (RFC 7396), with copies of the steps that
    were done then, and with a checkpoint of its own. Raises `NotFound`.
    """
    key = uuid7()

    async def work(session: AsyncSession) -> Outcome:
        base = await _forked(session, execution_id, seq)
        driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
        (texts,) = await fetch_values(driver, [(execution_id, base.state_version)])
        variables = merge_patch({name: orjson.loads(text) for name, text in texts.items()}, patch)
        steps = await _done_steps(session, execution_id, base.event_seq)
        await _insert_fork(session, key, base, write, len(steps))
        await seed_state(session, key, variables)
        if steps:
            await session.execute(insert(Step), [{"execution_id": key, **step} for step in steps])
        await _first_checkpoint(session, key, write, 1 if variables else 0, execution_id, seq)
        changes = {
            "status": {"after": ExecutionStatus.PENDING},
            "forkedFrom": {"after": f"chk_{execution_id.hex}_{seq}"},
            "steps": {"after": len(steps)},
        }
        await note_first_event(session, key, write, EventType.EXECUTION_FORKED, changes)
        return {"execution": key.hex}

    return UUID((await write_keyed(database, write, work))["execution"])


async def _forked(session: AsyncSession, execution_id: UUID, seq: int) -> Any:
    """The checkpoint with what its execution was started with; locked, so that it stays."""
    statement = (
        select(
            Checkpoint.execution_id,
            Checkpoint.seq,
            Checkpoint.state_version,
            Checkpoint.event_seq,
            *(Execution.workflow_id, Execution.input, Execution.attributes, Execution.tags),
            *(Execution.correlation_id, Execution.trigger_type),
        )
        .join(Execution, Execution.id == Checkpoint.execution_id)
        .where(Checkpoint.execution_id == execution_id, Checkpoint.seq == seq)
        .with_for_update(key_share=True, of=Execution)
    )
    base = (await session.execute(statement)).one_or_none()
    if base is None:
        raise NotFound("checkpoint", f"chk_{execution_id.hex}_{seq}")
    return base


async def _done_steps(session: AsyncSession, execution_id: UUID, event_seq: int) -> list[dict[str, Any]]:
    """The attempts that were done at an event, numbered anew."""
    statement = (
        select(*Step.__table__.columns)
        .where(Step.execution_id == execution_id, Step.event_seq <= event_seq, Step.status.in_(_DONE))
        .order_by(Step.seq)
    )
    latest = {step.key: step for step in (await session.execute(statement)).all()}
    return [
        {"seq": number, "attempt": 1, "event_seq": 1, **{name: getattr(step, name) for name in _COPIED}}
        for number, step in enumerate(latest.values(), 1)
    ]


async def _insert_fork(session: AsyncSession, key: UUID, base: Any, write: Write, steps: int) -> None:
    row = {
        "id": key,
        "workflow_id": base.workflow_id,
        "status": ExecutionStatus.PENDING,
        "trigger_type": base.trigger_type,
        "triggered_by": write.actor,
        "correlation_id": base.correlation_id,
        "forked_from_execution_id": base.execution_id,
        "forked_from_seq": base.seq,
        "input": base.input,
        "attributes": base.attributes,
        "tags": base.tags,
        "event_seq": 1,
        "step_seq": steps,
        "checkpoint_seq": 1,
        "created_at": uuid7_time(key),
    }
    await session.execute(insert(Execution).values(row))


async def _first_checkpoint(
    session: AsyncSession, key: UUID, write: Write, version: int, execution_id: UUID, seq: int
) -> None:
    row = {
        "execution_id": key,
        "seq": 1,
        "label": f"fork of chk_{execution_id.hex}_{seq}",
        "state_version": version,
        "event_seq": 1,
        "created_by": write.actor,
    }
    await session.execute(insert(Checkpoint).values(row))
    head = update(State).where(State.execution_id == key).values(checkpoint_seq=1)
    await session.execute(head, execution_options={"synchronize_session": False})
