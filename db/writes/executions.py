"""Executions: create, move between statuses, delete."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database
from db.enums import TERMINAL_EXECUTION, EventType, ExecutionStatus
from db.errors import InvalidInput, NotFound
from db.ids import uuid7
from db.jsonb import differ
from db.merge import merge_patch
from db.models import Event, Execution, LogEntry
from db.models.base import table
from db.sessions import driver_of
from db.transitions import EXECUTION_MOVES, require_move, require_same
from db.writes.answers import Outcome
from db.writes.batch import WriteRequest
from db.writes.creations import Creation
from db.writes.deletions import note_deletions
from db.writes.draft import Draft
from db.writes.holds import lock_holds, require_not_held
from db.writes.idempotent import audit, write_idempotent
from db.writes.links import forget
from db.writes.needs import Needs
from db.writes.runnable import WorkflowRef
from db.writes.states import require_keys
from db.writes.write import Write
from db.writes.writer import creator_of, writer_of

# What only the holder says of an execution while its lease is valid; RUNNING of one that waits.
_OF_HOLDERS = (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT)


async def create_execution(
    database: Database,
    write: Write,
    workflow: UUID | tuple[str, str | None],
    columns: dict[str, Any],
    variables: dict[str, Any],
) -> UUID:
    """Create a PENDING execution of a workflow, named by key or by (name, version or None for the newest).

    `variables` become version 1 of its state. Returns its key. Raises `NotFound` for the workflow or the
    parent, `InvalidInput` where the workflow's status allows no executions or the parent was cancelled.
    """
    require_keys(list(variables))
    named = WorkflowRef(workflow) if isinstance(workflow, UUID) else WorkflowRef(None, *workflow)
    creation = Creation(uuid7(), write, named, columns, variables)
    key = UUID((await creator_of(database).write(creation))["execution"])
    database.committed(key)
    return key


async def transition_execution(
    database: Database,
    execution_id: UUID,
    write: Write,
    to: ExecutionStatus,
    result: Any = None,
    error: dict[str, Any] | None = None,
    *,
    cascade: bool = False,
) -> None:
    """Move an execution to another status; a result only goes with COMPLETED, an error with a bad end.

    With `cascade`, which goes with an end only, its children that go on are cancelled, and theirs.

    The status that is there already changes nothing, provided that no other result or error comes with it.
    While a lease is valid, only who has its epoch starts, completes, fails or times out an execution; anybody
    pauses, resumes and cancels it. Raises `InvalidTransition` where the move is not allowed, `InvalidInput`
    where result or error don't fit, and `StaleLease`.
    """
    if result is not None and to != ExecutionStatus.COMPLETED:
        raise InvalidInput(f"A result goes with COMPLETED only, not with {to}.")
    if error is not None and to not in (set(TERMINAL_EXECUTION) - {ExecutionStatus.COMPLETED}):
        raise InvalidInput(f"An error goes with FAILED, CANCELLED or TIMED_OUT only, not with {to}.")
    if cascade and to not in TERMINAL_EXECUTION:
        raise InvalidInput(f"`cascade` goes with an end only, not with {to}.")

    def decide(draft: Draft) -> Outcome:
        before = ExecutionStatus(draft.head.status)
        if to in _OF_HOLDERS or (before, to) == (ExecutionStatus.PENDING, ExecutionStatus.RUNNING):
            draft.require_lease()
        if require_move(EXECUTION_MOVES, before, to):
            move(draft, to, result, error)
        elif before in TERMINAL_EXECUTION:
            brought = {"result": result, "error": error}
            require_same("The execution", before, draft.end, brought)
        if cascade:
            draft.rows.cancel_children_of(execution_id, write.actor, to)
        return {}

    needs = Needs(end=to in TERMINAL_EXECUTION)
    await writer_of(database).write(WriteRequest(execution_id, write, decide, needs))


def move(draft: Draft, to: ExecutionStatus, result: Any, error: dict[str, Any] | None) -> None:
    """Set the status and what goes with it: times, result, error, and the end of the lease."""
    before = draft.head
    changes: dict[str, Any] = {"status": {"before": before.status, "after": to}}
    draft.change(status=to)
    if to == ExecutionStatus.RUNNING and before.started_at is None:
        draft.change(started_at=max(draft.now, before.created_at))
    if to in TERMINAL_EXECUTION:
        # Created ahead of the database's clock, or started so, an execution still can't end before.
        ended = draft.now if before.started_at is None else max(draft.now, before.started_at)
        draft.change(completed_at=ended, lease_holder=None, lease_expires_at=None)
        if before.lease_holder is not None:
            changes["leaseHolder"] = {"before": before.lease_holder, "after": None}
    for name, value in (("result", result), ("error", error)):
        if value is not None:
            changes[name] = {"after": value}
    if result is not None or error is not None:
        draft.set_end(result, error)
    draft.note(EventType.STATUS_CHANGED, changes)


async def update_execution(
    database: Database,
    execution_id: UUID,
    write: Write,
    tags: list[str] | None = None,
    attributes_patch: dict[str, Any] | None = None,
) -> None:
    """Change what an execution is found by, also of one that has ended.

    `tags` takes the place of all tags, `attributes_patch` is a merge patch (RFC 7396). What is the same
    already changes nothing. Raises `NotFound`.
    """
    await writer_of(database).write(labelling(execution_id, write, tags, attributes_patch))


def labelling(
    execution_id: UUID, write: Write, tags: list[str] | None, attributes_patch: dict[str, Any] | None
) -> WriteRequest:
    """A change of tags and attributes to be made; its outcome is empty."""

    def decide(draft: Draft) -> Outcome:
        there, changes = draft.labels, dict[str, Any]()
        if tags is not None and tags != there.tags:
            draft.set_tags(tags)
            changes["tags"] = {"before": there.tags, "after": tags}
        patched = merge_patch(there.attributes, attributes_patch or {})
        if differ(patched, there.attributes):
            draft.set_attributes(patched)
            changes["attributes"] = {"before": there.attributes, "after": patched}
        if changes:
            draft.note(EventType.EXECUTION_UPDATED, changes)
        return {}

    return WriteRequest(execution_id, write, decide, Needs(labels=True))


async def delete_execution(database: Database, write: Write, execution_id: UUID) -> None:
    """Delete an execution that has ended, and everything of it.

    Raises `NotFound`, and `InvalidInput` for one that has not ended or is on hold.
    """

    async def work(session: AsyncSession) -> Outcome:
        await lock_holds(session)
        mine = Execution.id == execution_id
        columns = Execution.status, Execution.completed_at, Execution.workflow_id
        statement = select(*columns).where(mine).with_for_update()
        row = (await session.execute(statement)).one_or_none()
        if row is None:
            raise NotFound("execution", f"exec_{execution_id.hex}")
        if row.completed_at is None:
            raise InvalidInput("Only an execution that has ended can be deleted; cancel it first.")
        await require_not_held(session, [execution_id, row.workflow_id])
        driver = await driver_of(session)
        await note_deletions(driver, write.actor, [execution_id])
        await forget(driver, [execution_id])
        for unlinked in (LogEntry, Event):
            await session.execute(delete(unlinked).where(unlinked.execution_id == execution_id))
        await session.execute(delete(table(Execution)).where(Execution.id == execution_id))
        changes = {"status": {"before": row.status}}
        await audit(session, write, "EXECUTION_DELETED", ("EXECUTION", execution_id.hex), changes)
        return {}

    await write_idempotent(database, write, work, lambda outcome: [execution_id])
