"""Leases: who may write to an execution as its engine, and for how long.

Only the database's clock counts. An epoch only grows; whoever holds an older one is fenced out of every
write that carries it.
"""

from datetime import timedelta
from uuid import UUID

from db.engine import Database
from db.enums import EventType
from db.errors import StaleLease
from db.writes.answers import Outcome
from db.writes.batch import WriteRequest
from db.writes.claims import orphans_of
from db.writes.draft import Draft
from db.writes.write import Write
from db.writes.writer import writer_of


async def acquire_lease(
    database: Database, execution_id: UUID, write: Write, holder: str, ttl: timedelta
) -> int | None:
    """Take the lease where it is free, over, or the holder's own already; the epoch grows in any case.

    Returns the epoch; None where a release before this one has answered the same call. Raises `StaleLease`
    where somebody else holds it, `InvalidTransition` where the execution has ended.
    """

    def decide(draft: Draft) -> Outcome:
        draft.require_live()
        if draft.head.lease_holder not in (None, holder) and draft.leased:
            raise _not_yours(draft)
        give_lease(draft, holder, ttl)
        return {"epoch": draft.head.lease_epoch}

    outcome = await writer_of(database).write(WriteRequest(execution_id, write, decide))
    return outcome.get("epoch")


async def heartbeat(
    database: Database, execution_id: UUID, write: Write, holder: str, ttl: timedelta
) -> int | None:
    """Extend the lease to `ttl` from now. No event: it would drown the history; one with a key has one.

    Returns the epoch; None where a release before this one has answered the same call. Raises `StaleLease`
    where it is not `holder`'s, `InvalidTransition` where the execution has ended.
    """
    return (await writer_of(database).write(beating(execution_id, write, holder, ttl))).get("epoch")


def beating(execution_id: UUID, write: Write, holder: str, ttl: timedelta) -> WriteRequest:
    """A heartbeat to be made."""

    def decide(draft: Draft) -> Outcome:
        draft.require_live()
        if draft.head.lease_holder != holder:
            raise _not_yours(draft)
        draft.change(lease_expires_at=draft.now + ttl, heartbeat_at=draft.now)
        if draft.write.key is not None:
            draft.note(EventType.LEASE_EXTENDED, {})
        return {"epoch": draft.head.lease_epoch}

    return WriteRequest(execution_id, write, decide)


async def release_lease(database: Database, execution_id: UUID, write: Write, holder: str) -> None:
    """Give the lease up; a RUNNING execution can then be claimed at once. Not holding any is fine.

    Raises `StaleLease` where somebody else holds it.
    """

    def decide(draft: Draft) -> Outcome:
        if draft.head.lease_holder is None:
            return {}
        if draft.head.lease_holder != holder:
            raise _not_yours(draft)
        draft.change(lease_holder=None, lease_expires_at=None)
        draft.note(EventType.LEASE_RELEASED, {"leaseHolder": {"before": holder, "after": None}})
        return {}

    await writer_of(database).write(WriteRequest(execution_id, write, decide))
    orphans_of(database).expect()


def give_lease(draft: Draft, holder: str, ttl: timedelta) -> None:
    """Within a write: a new epoch for `holder`."""
    before = draft.head
    raise_epoch(draft)
    draft.change(lease_holder=holder, lease_expires_at=draft.now + ttl, heartbeat_at=draft.now)
    changes = {
        "leaseHolder": {"before": before.lease_holder, "after": holder},
        "leaseEpoch": {"before": before.lease_epoch, "after": draft.head.lease_epoch},
    }
    draft.note(EventType.LEASE_ACQUIRED, changes)


def raise_epoch(draft: Draft) -> None:
    """Within a write: fence out whoever holds the present epoch, and leave the lease to nobody."""
    draft.change(lease_epoch=draft.head.lease_epoch + 1, lease_holder=None, lease_expires_at=None)


def _not_yours(draft: Draft) -> StaleLease:
    head = draft.head
    return StaleLease(draft.write.epoch, head.lease_holder, head.lease_epoch, head.lease_expires_at)
