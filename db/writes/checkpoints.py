"""Checkpoints: name a version of the state, delete such names, prune what nothing can see any more."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update

from db.engine import Database
from db.enums import EventType
from db.errors import InvalidInput, NotFound
from db.models import Checkpoint, Execution, State
from db.models.base import among
from db.writes.batch import Request
from db.writes.draft import Draft, json_text
from db.writes.needs import STATE
from db.writes.unit import Outcome, Unit, write_execution
from db.writes.write import Write
from db.writes.writer import writer_of

# A row of a variable is still seen by a kept version where no later SET or DELETE comes between the two.
_PRUNE_ENTRIES = """
DELETE FROM state_entries e
WHERE e.execution_id = $1 AND e.version < $2 AND NOT EXISTS (
    SELECT 1 FROM unnest($3::bigint[]) AS kept(version)
    WHERE kept.version >= e.version AND NOT EXISTS (
        SELECT 1 FROM state_entries later
        WHERE later.execution_id = e.execution_id AND later.field = e.field AND later.key = e.key
          AND later.op <> 'APPEND' AND later.version > e.version AND later.version <= kept.version
    )
)
"""


async def create_checkpoint(
    database: Database, execution_id: UUID, write: Write, step_key: str | None, label: str | None, data: Any
) -> int:
    """Name the present version of the state; returns the checkpoint's seq.

    Raises `InvalidTransition` for an execution that has ended, and `StaleLease` without the epoch of a lease
    that is valid.
    """
    request = checkpointing(execution_id, write, step_key, label, data)
    seq: int = (await writer_of(database).write(request))["checkpoint"]
    return seq


def checkpointing(
    execution_id: UUID, write: Write, step_key: str | None, label: str | None, data: Any
) -> Request:
    """A checkpoint to be taken; the outcome has its number as `checkpoint`."""

    def decide(draft: Draft) -> Outcome:
        draft.require_lease()
        draft.require_live()
        return {"checkpoint": add_checkpoint(draft, step_key, label, data)}

    return Request(execution_id, write, decide, STATE)


def add_checkpoint(draft: Draft, step_key: str | None, label: str | None, data: Any) -> int:
    """Within a write: name the present version of the state; returns the checkpoint's seq."""
    state, seq = draft.state, draft.take("checkpoint_seq")
    changes = {"checkpoint": seq, "stateVersion": {"after": state.version}}
    row = {
        "execution_id": draft.id,
        "seq": seq,
        "parent_seq": state.checkpoint_seq,
        "step_key": step_key,
        "label": label,
        "state_version": state.version,
        "event_seq": draft.note(EventType.CHECKPOINT_CREATED, changes),
        "step_seq": draft.head.step_seq,
        "data": None if data is None else json_text(data),
        "created_by": draft.write.actor,
        "created_at": draft.now,
    }
    draft.rows.add("checkpoints", row)
    draft.set_state(state._replace(checkpoint_seq=seq))
    return seq


async def state_head(unit: Unit) -> Any:
    """Version and checkpoint of the state as they stand within the write."""
    statement = select(State.version, State.checkpoint_seq).where(State.execution_id == unit.id)
    return (await unit.session.execute(statement)).one()


async def descend_from(unit: Unit, seq: int) -> None:
    """Within a write: what comes next follows this checkpoint."""
    statement = update(State).where(State.execution_id == unit.id).values(checkpoint_seq=seq)
    await unit.session.execute(statement, execution_options={"synchronize_session": False})


async def delete_checkpoint(database: Database, execution_id: UUID, seq: int, write: Write) -> None:
    """Delete one checkpoint; those that followed it then follow the one before it.

    Raises `NotFound`, and `InvalidInput` for the base of a fork and for the head, which recovery needs.
    """

    async def work(unit: Unit) -> Outcome:
        found = select(Checkpoint.seq).where(Checkpoint.execution_id == unit.id, Checkpoint.seq == seq)
        if await unit.session.scalar(found) is None:
            raise NotFound("checkpoint", f"chk_{execution_id.hex}_{seq}")
        if seq in await _needed(unit):
            raise InvalidInput(
                "This checkpoint is the base of a fork, or the head that recovery goes back to."
            )
        await _delete(unit, [seq])
        return {}

    await write_execution(database, execution_id, write, work)


async def prune_checkpoints(
    database: Database, execution_id: UUID, write: Write, keep_last: int, *, dry_run: bool
) -> tuple[list[int], int]:
    """Delete all but the last `keep_last` checkpoints, and the versions that no kept one can see.

    The head and the bases of forks are always kept. Versions from the oldest of the last kept ones on stay
    readable one by one. Returns the seqs of the checkpoints that go, and how many rows of variables; a dry
    run changes nothing.
    """

    async def work(unit: Unit) -> Outcome:
        going, rows = await prune_in_unit(unit, keep_last, dry_run=dry_run)
        return {"checkpoints": going, "rows": rows}

    outcome = await write_execution(database, execution_id, write, work)
    return outcome["checkpoints"], outcome["rows"]


async def prune_in_unit(unit: Unit, keep_last: int, *, dry_run: bool = False) -> tuple[list[int], int]:
    """Within a write: what `prune_checkpoints` does."""
    mine = select(Checkpoint.seq, Checkpoint.state_version).where(Checkpoint.execution_id == unit.id)
    there = (await unit.session.execute(mine.order_by(Checkpoint.seq))).all()
    last = there[-keep_last:] if keep_last else []
    staying = {row.seq for row in last} | await _needed(unit)
    going = [row.seq for row in there if row.seq not in staying]
    head = await state_head(unit)
    kept = sorted({row.state_version for row in there if row.seq in staying})
    if head.checkpoint_seq is None:
        kept.append(1)  # recovery then starts over from the first variables
    floor = min((row.state_version for row in last), default=head.version)
    rows = await _prune_entries(unit, floor, [*kept, head.version], dry_run=dry_run)
    if not dry_run and (going or rows):
        await _delete(unit, going)
    return going, rows


async def _prune_entries(unit: Unit, floor: int, kept: Sequence[int], *, dry_run: bool) -> int:
    if dry_run:
        counting = _PRUNE_ENTRIES.replace("DELETE FROM", "SELECT count(*) FROM", 1)
        count: int = await unit.driver.fetchval(counting, unit.id, floor, kept)
        return count
    deleted: str = await unit.driver.execute(_PRUNE_ENTRIES, unit.id, floor, kept)
    pruned_to = func.greatest(State.pruned_to, floor)
    statement = update(State).where(State.execution_id == unit.id).values(pruned_to=pruned_to)
    await unit.session.execute(statement, execution_options={"synchronize_session": False})
    return int(deleted.split()[-1])


async def _needed(unit: Unit) -> set[int]:
    """The head and the bases of forks."""
    forked = select(Execution.forked_from_seq).where(Execution.forked_from_execution_id == unit.id)
    bases = set((await unit.session.scalars(forked)).all())
    return {seq for seq in (*bases, (await state_head(unit)).checkpoint_seq) if seq is not None}


async def _delete(unit: Unit, seqs: Sequence[int]) -> None:
    await unit.driver.execute(_ADOPT, unit.id, seqs)
    gone = delete(Checkpoint).where(Checkpoint.execution_id == unit.id, among(Checkpoint.seq, seqs))
    await unit.session.execute(gone, execution_options={"synchronize_session": False})
    unit.note(EventType.CHECKPOINTS_DELETED, {"checkpoints": {"before": list(seqs)}})


# Each kept checkpoint whose parent goes follows its nearest kept ancestor.
_ADOPT = """
WITH RECURSIVE line AS (
    SELECT c.seq, c.parent_seq AS ancestor FROM checkpoints c
    WHERE c.execution_id = $1 AND c.seq <> ALL($2::bigint[]) AND c.parent_seq = ANY($2::bigint[])
    UNION ALL
    SELECT l.seq, a.parent_seq FROM line l JOIN checkpoints a ON a.execution_id = $1 AND a.seq = l.ancestor
    WHERE l.ancestor = ANY($2::bigint[])
)
UPDATE checkpoints c SET parent_seq = l.ancestor FROM line l
WHERE c.execution_id = $1 AND c.seq = l.seq AND (l.ancestor IS NULL OR l.ancestor <> ALL($2::bigint[]))
"""
