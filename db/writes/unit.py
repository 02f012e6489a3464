"""One write to one execution: lock its row, check what guards it, change things, record the events.

Everything happens in one transaction under the execution's row lock. The lock makes the order of sequence
numbers the order of commits; the guards (lease epoch, liveness) are conditions of the locking statement.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database
from db.enums import TERMINAL_EXECUTION, EventType, ExecutionStatus
from db.errors import InvalidTransition, NotFound, StaleLease
from db.models import Event, Execution
from db.retry import retried
from db.transitions import EXECUTION_MOVES
from db.writes.write import Replay, Write, replayed, shown

Outcome = dict[str, Any]
Changes = dict[str, Any]

_HEAD = select(
    Execution.id,
    Execution.workflow_id,
    Execution.status,
    Execution.lease_holder,
    Execution.lease_epoch,
    Execution.lease_expires_at,
    Execution.event_seq,
    Execution.log_seq,
    Execution.step_seq,
    Execution.checkpoint_seq,
    Execution.metric_seq,
    Execution.created_at,
    Execution.started_at,
    Execution.completed_at,
)
# Terminal executions hold no lease; their last holder may still hand in what it logged.
_FENCE = text("lease_epoch = :epoch AND (lease_holder IS NOT NULL OR completed_at IS NOT NULL)")


@dataclass
class Unit:
    """A locked execution and what the write does to it."""

    session: AsyncSession
    driver: asyncpg.Connection
    write: Write
    row: Any
    columns: Changes = field(default_factory=dict)
    events: list[Changes] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        """The execution's key."""
        key: UUID = self.row.id
        return key

    @property
    def event_seq(self) -> int:
        """The number of the event that was noted last."""
        seq: int = self.row.event_seq + len(self.events)
        return seq

    def counted(self, counter: str) -> int:
        """How far a counter of the execution has come within the write."""
        count: int = self.columns.get(counter, getattr(self.row, counter))
        return count

    def take(self, counter: str, number: int = 1) -> int:
        """Take `number` values from a counter of the execution; returns the first of them."""
        taken = self.counted(counter)
        self.columns[counter] = taken + number
        return taken + 1

    def note(self, kind: EventType, changes: Changes) -> int:
        """Note an event; returns its number."""
        self.events.append({"type": kind, "changes": shown(changes)})
        return self.event_seq

    def require_live(self) -> None:
        """Raise `InvalidTransition` where the execution has ended: only recovery leaves that."""
        if self.row.status in TERMINAL_EXECUTION:
            status = ExecutionStatus(self.row.status)
            raise InvalidTransition(status, ExecutionStatus.RUNNING, EXECUTION_MOVES[status])

    async def finish(self, outcome: Outcome) -> None:
        """Write the execution's own changes and the events; the first carries the idempotency key."""
        if self.events:
            self.columns["event_seq"] = self.event_seq
            rows = [
                {
                    "execution_id": self.id,
                    "seq": seq,
                    "actor": self.write.actor,
                    **event,
                    "idempotency_key": None,
                    "fingerprint": None,
                    "outcome": None,
                }
                for seq, event in enumerate(self.events, self.row.event_seq + 1)
            ]
            if self.write.key is not None:
                rows[0] |= {
                    "idempotency_key": self.write.key,
                    "fingerprint": self.write.fingerprint,
                    "outcome": outcome,
                }
            await self.session.execute(insert(Event), rows)
        if self.columns:
            statement = update(Execution).where(Execution.id == self.id).values(self.columns)
            await self.session.execute(statement, execution_options={"synchronize_session": False})


async def write_execution(
    database: Database,
    execution_id: UUID,
    write: Write,
    work: Callable[[Unit], Awaitable[Outcome]],
) -> Outcome:
    """Do `work` on one execution in one transaction; returns its outcome, or the first for a repetition.

    Raises `NotFound`, `StaleLease`, `IdempotencyConflict` and what `work` raises; nothing is changed then.
    """

    async def once() -> Outcome:
        async with database.writing() as session:
            unit = await enter(session, execution_id, write)
            outcome = await work(unit)
            if write.key is not None and not unit.events:
                # Nothing changed, but the caller wants to be told the same again.
                unit.note(EventType.NOTHING_CHANGED, {})
            await unit.finish(outcome)
            return outcome

    try:
        outcome = await retried(once, repeatable=write.key is not None)
    except Replay as replay:
        return replay.outcome
    database.committed(execution_id)
    return outcome


async def enter(session: AsyncSession, execution_id: UUID, write: Write) -> Unit:
    """Within a transaction: lock an execution for a write to it, whose `finish` comes last.

    Raises `NotFound`, `StaleLease`, and `Replay` for a repetition.
    """
    statement = _HEAD.where(Execution.id == execution_id).with_for_update(key_share=True)
    if write.epoch is not None:
        statement = statement.where(_FENCE.bindparams(epoch=write.epoch))
    row = (await session.execute(statement)).one_or_none()
    if write.key is not None:
        await _look_for_earlier(session, execution_id, write)
    if row is None:
        await _say_why_not(session, execution_id, write)
        raise NotFound("execution", f"exec_{execution_id.hex}")
    connection = await (await session.connection()).get_raw_connection()
    driver: Any = connection.driver_connection
    return Unit(session, driver, write, row)


async def _look_for_earlier(session: AsyncSession, execution_id: UUID, write: Write) -> None:
    recorded = select(Event.fingerprint, Event.outcome).where(
        Event.execution_id == execution_id, Event.idempotency_key == write.key
    )
    earlier = (await session.execute(recorded)).one_or_none()
    if earlier is not None:
        raise replayed(write, earlier.fingerprint, earlier.outcome)


async def _say_why_not(session: AsyncSession, execution_id: UUID, write: Write) -> None:
    held = (await session.execute(_HEAD.where(Execution.id == execution_id))).one_or_none()
    if held is not None:
        raise StaleLease(write.epoch, held.lease_holder, held.lease_epoch, held.lease_expires_at)
