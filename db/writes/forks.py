"""Forks: a checkpoint continued in an execution of its own."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database
from db.enums import EventType, ExecutionStatus
from db.errors import NotFound
from db.ids import uuid7, uuid7_time
from db.merge import merge_patch
from db.models import Checkpoint, Execution, State, Step
from db.recovery_plan import done_at
from db.state_values import fetch_values
from db.writes.executions import note_first_event
from db.writes.keyed import Outcome, write_keyed
from db.writes.priorities import rank_of
from db.writes.states import seed_state
from db.writes.write import Write

_COPIED = [
    column.name
    for column in Step.__table__.columns
    if column.name not in ("execution_id", "seq", "attempt", "event_seq", "created_at")
]


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
        fields = await fields_at(driver, execution_id, base.state_version)
        steps = await _done_steps(session, execution_id, base)
        await _insert_fork(session, key, base, write, len(steps))
        version = await seed_state(session, key, variables, fields)
        if steps:
            await session.execute(insert(Step), [{"execution_id": key, **step} for step in steps])
        await _first_checkpoint(session, key, write, (version, len(steps)), (execution_id, seq))
        changes = {
            "status": {"after": ExecutionStatus.PENDING},
            "forkedFrom": {"after": f"chk_{execution_id.hex}_{seq}"},
            "steps": {"after": len(steps)},
        }
        await note_first_event(session, key, write, EventType.EXECUTION_FORKED, changes)
        return {"execution": key.hex}

    made = await write_keyed(database, write, work, lambda outcome: [UUID(outcome["execution"])])
    return UUID(made["execution"])


async def _forked(session: AsyncSession, execution_id: UUID, seq: int) -> Any:
    """The checkpoint with what its execution was started with; locked, so that it stays."""
    # Locked first: the checkpoint is then read as whoever held the lock before has left it.
    lock = select(Execution.id).where(Execution.id == execution_id).with_for_update(key_share=True)
    await session.execute(lock)
    statement = (
        select(
            Checkpoint.execution_id,
            Checkpoint.seq,
            Checkpoint.state_version,
            Checkpoint.event_seq,
            Checkpoint.step_seq,
            *(Execution.workflow_id, Execution.input, Execution.attributes, Execution.attributes_exact),
            *(Execution.tags, Execution.correlation_id, Execution.trigger_type),
        )
        .join(Execution, Execution.id == Checkpoint.execution_id)
        .where(Checkpoint.execution_id == execution_id, Checkpoint.seq == seq)
    )
    base = (await session.execute(statement)).one_or_none()
    if base is None:
        raise NotFound("checkpoint", f"chk_{execution_id.hex}_{seq}")
    return base


async def _done_steps(session: AsyncSession, execution_id: UUID, base: Any) -> list[dict[str, Any]]:
    """The attempts that were done at a checkpoint, numbered anew."""
    done = done_at(await attempts_of(session, execution_id), base)
    return [
        {"seq": number, "attempt": 1, "event_seq": 1, **{name: getattr(step, name) for name in _COPIED}}
        for number, step in enumerate(done.values(), 1)
    ]


async def attempts_of(session: AsyncSession, execution_id: UUID) -> list[Any]:
    """All attempts at all steps, in their order."""
    statement = select(*Step.__table__.columns).where(Step.execution_id == execution_id).order_by(Step.seq)
    return list((await session.execute(statement)).all())


async def fields_at(driver: Any, execution_id: UUID, version: int) -> dict[str, Any]:
    """The state's own fields that had a value at `version`."""
    (fields,) = await fetch_values(driver, [(execution_id, version)], field=True)
    return {name: orjson.loads(text) for name, text in fields.items()}


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
        "attributes_exact": base.attributes_exact,
        "tags": base.tags,
        "priority": rank_of(base.workflow_id),
        "event_seq": 1,
        "step_seq": steps,
        "checkpoint_seq": 1,
        "created_at": uuid7_time(key),
    }
    await session.execute(insert(Execution).values(row))


async def _first_checkpoint(
    session: AsyncSession, key: UUID, write: Write, reached: tuple[int, int], base: tuple[UUID, int]
) -> None:
    """The checkpoint that a fork begins with: at (version, steps), named after its base (execution, seq)."""
    row = {
        "execution_id": key,
        "seq": 1,
        "label": f"fork of chk_{base[0].hex}_{base[1]}",
        "state_version": reached[0],
        "event_seq": 1,
        "step_seq": reached[1],
        "created_by": write.actor,
    }
    await session.execute(insert(Checkpoint).values(row))
    head = update(State).where(State.execution_id == key).values(checkpoint_seq=1)
    await session.execute(head, execution_options={"synchronize_session": False})
