"""Checkpoints: name a version of the state, delete such names, prune what nothing can see any more."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from db.engine import Database
from db.enums import EventType
from db.errors import InvalidInput, NotFound
from db.writes.answers import Outcome
from db.writes.batch import WriteRequest
from db.writes.draft import Draft, json_text
from db.writes.needs import STATE, Needs
from db.writes.seen import Marks
from db.writes.write import Write
from db.writes.writer import writer_of

_THINNED = STATE | Needs(holds=True)


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
) -> WriteRequest:
    """A checkpoint to be taken; the outcome has its number as `checkpoint`."""

    def decide(draft: Draft) -> Outcome:
        draft.require_lease()
        draft.require_live()
        return {"checkpoint": add_checkpoint(draft, step_key, label, data)}

    return WriteRequest(execution_id, write, decide, STATE)


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


async def delete_checkpoint(database: Database, execution_id: UUID, seq: int, write: Write) -> None:
    """Delete one checkpoint; those that followed it then follow the one before it.

    Raises `NotFound`, and `InvalidInput` for the base of a fork, for the head, which recovery needs, and for
    any of an execution that is on hold.
    """
    await writer_of(database).write(deleting(execution_id, write, seq))


def deleting(execution_id: UUID, write: Write, seq: int) -> WriteRequest:
    """A checkpoint to be deleted; the outcome is empty."""

    def decide(draft: Draft) -> Outcome:
        draft.require_no_hold()
        marks = draft.marks(seq)
        if seq not in marks.there:
            raise NotFound("checkpoint", f"chk_{execution_id.hex}_{seq}")
        if seq in _needed(draft, marks):
            raise InvalidInput(
                "This checkpoint is the base of a fork, or the head that recovery goes back to."
            )
        _delete(draft, marks, [seq])
        return {}

    return WriteRequest(execution_id, write, decide, _THINNED, exclusive=True)


async def prune_checkpoints(
    database: Database, execution_id: UUID, write: Write, keep_last: int, *, dry_run: bool
) -> tuple[list[int], int]:
    """Delete all but the last `keep_last` checkpoints, and the versions that no kept one can see.

    The head and the bases of forks are always kept. Versions from the oldest of the last kept ones on stay
    readable one by one. Returns the seqs of the checkpoints that go, and how many rows of variables; a dry
    run changes nothing. Raises `InvalidInput` for an execution that is on hold.
    """
    outcome = await writer_of(database).write(pruning(execution_id, write, keep_last, dry_run=dry_run))
    return outcome["checkpoints"], outcome["rows"]


def pruning(execution_id: UUID, write: Write, keep_last: int, *, dry_run: bool = False) -> WriteRequest:
    """A pruning to be made; the outcome has the `checkpoints` that go and the number of `rows`."""

    def decide(draft: Draft) -> Outcome:
        marks = draft.marks()
        seqs = list(marks.there)
        last = seqs[-keep_last:] if keep_last else []
        staying = _needed(draft, marks).union(last)
        going = [seq for seq in seqs if seq not in staying]
        floor = min((marks.there[seq].state_version for seq in last), default=draft.state.version)
        kept = {marks.there[seq].state_version for seq in seqs if seq in staying}
        if draft.state.checkpoint_seq is None:
            kept.add(1)  # recovery then starts over from the first variables
        ranges = _between(kept, floor)
        rows = draft.prunable(ranges)
        if not dry_run:
            draft.require_no_hold()
            draft.prune(ranges, floor)
            if going or rows:
                _delete(draft, marks, going)
        return {"checkpoints": going, "rows": rows}

    if dry_run:
        write = write.without_key()

    return WriteRequest(execution_id, write, decide, _THINNED, exclusive=True)


def _between(kept: Iterable[int], floor: int) -> list[tuple[int, int]]:
    """The ranges of versions of which only the last is kept, up to the `floor` from which on all are."""
    ends = sorted({version for version in kept if version < floor} | {floor})
    return [(before + 1, end) for before, end in zip([0, *ends], ends, strict=False) if end - before > 1]


def _needed(draft: Draft, marks: Marks) -> frozenset[int]:
    """The head and the bases of forks."""
    head = draft.state.checkpoint_seq
    return marks.forked if head is None else marks.forked | {head}


def _delete(draft: Draft, marks: Marks, going: Sequence[int]) -> None:
    """Delete checkpoints, which are in their order; what followed them follows the last before that stays."""
    gone = set(going)
    ancestors: dict[int, int | None] = {}
    for seq in going:
        parent = marks.there[seq].parent_seq
        ancestors[seq] = ancestors[parent] if parent in gone else parent
    for seq, mark in marks.there.items():
        if seq not in gone and mark.parent_seq in gone:
            row = {"execution_id": draft.id, "seq": seq, "parent_seq": ancestors[mark.parent_seq]}
            draft.rows.add("adopted_checkpoints", row)
    draft.rows.add_columns("gone_checkpoints", {"execution_id": [draft.id] * len(going), "seq": list(going)})
    draft.note(EventType.CHECKPOINTS_DELETED, {"checkpoints": {"before": list(going)}})
