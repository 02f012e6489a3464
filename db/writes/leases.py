"""Leases: who may write to an execution as its engine, and for how long.

Only the database's clock counts. An epoch only grows; whoever holds an older one is fenced out of every
write that carries it.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database
from db.enums import EventType
from db.errors import StaleLease
from db.writes.answers import Outcome
from db.writes.batch import Request
from db.writes.draft import Draft
from db.writes.keyed import write_keyed
from db.writes.priorities import RANKS
from db.writes.write import Write
from db.writes.writer import writer_of

# What is due, as kinds that come one after another: the highest priority first, and of one priority orphans
# before what waits. Each is a walk along an index that ends with the last row taken.
_KINDS = [
    (rank, status) for rank in sorted(RANKS.values(), reverse=True) for status in ("RUNNING", "PENDING")
]
# Rows that another claimer has locked are skipped, so claimers never wait for each other or share one.
_DUE = """
due{at} AS (
    SELECT {at} AS place, e.id, e.status, e.lease_holder FROM executions e
    WHERE e.status = '{status}' AND e.priority = {rank} AND (e.status = 'PENDING' OR e.lease_epoch > 0)
      AND (:every OR e.workflow_id IN (SELECT id FROM workflows WHERE name = ANY(CAST(:names AS text[]))))
      AND (e.lease_expires_at IS NULL OR e.lease_expires_at <= clock_timestamp())
    ORDER BY e.id LIMIT greatest(0, :most - {taken}) FOR NO KEY UPDATE SKIP LOCKED
)"""


def _due(at: int, rank: int, status: str) -> str:
    taken = " - ".join(f"(SELECT count(*) FROM due{before})" for before in range(at)) or "0"
    return _DUE.format(at=at, rank=rank, status=status, taken=taken)


CLAIM = text(f"""
WITH {",".join(_due(at, *kind) for at, kind in enumerate(_KINDS))}, claimed AS (
    UPDATE executions e
    SET status = 'RUNNING', lease_holder = :holder, lease_epoch = e.lease_epoch + 1,
        lease_expires_at = clock_timestamp() + CAST(:ttl AS interval), heartbeat_at = clock_timestamp(),
        started_at = coalesce(e.started_at, greatest(clock_timestamp(), e.created_at)),
        event_seq = e.event_seq + 1
    FROM ({" UNION ALL ".join(f"SELECT * FROM due{at}" for at in range(len(_KINDS)))}) due
    WHERE e.id = due.id
    RETURNING e.id, due.place, e.event_seq, e.lease_epoch, due.status AS was, due.lease_holder AS held
), noted AS (
    INSERT INTO events (execution_id, seq, type, actor, changes)
    SELECT id, event_seq, 'LEASE_ACQUIRED', :actor,
           json_build_object(
               'status', json_build_object('before', was, 'after', 'RUNNING'),
               'leaseHolder', json_build_object('before', held, 'after', CAST(:holder AS text)),
               'leaseEpoch', json_build_object('before', lease_epoch - 1, 'after', lease_epoch))
    FROM claimed
)
SELECT id FROM claimed ORDER BY place, id
""")


async def claim_executions(
    database: Database, write: Write, holder: str, ttl: timedelta, limit: int, names: Sequence[str] | None
) -> list[UUID]:
    """Take the leases of up to `limit` orphans and PENDING executions, and set them RUNNING.

    Those of the workflows with the highest priority come first, of those orphans, and of those the oldest.

    `names` restricts them to workflows with these names. Returns the keys of those claimed.
    """

    async def work(session: AsyncSession) -> Outcome:
        arguments = {
            "every": names is None,
            "names": list(names or ()),
            "most": limit,
            "holder": holder,
            "ttl": ttl,
            "actor": write.actor,
        }
        rows = await session.execute(CLAIM, arguments)
        return {"executions": [row.id.hex for row in rows]}

    return _claimed(await write_keyed(database, write, work, _claimed))


def _claimed(outcome: Outcome) -> list[UUID]:
    return [UUID(key) for key in outcome["executions"]]


async def acquire_lease(
    database: Database, execution_id: UUID, write: Write, holder: str, ttl: timedelta
) -> None:
    """Take the lease where it is free, over, or the holder's own already; the epoch grows in any case.

    Raises `StaleLease` where somebody else holds it, `InvalidTransition` where the execution has ended.
    """

    def decide(draft: Draft) -> Outcome:
        draft.require_live()
        if draft.head.lease_holder not in (None, holder) and draft.leased:
            raise _not_yours(draft)
        give_lease(draft, holder, ttl)
        return {}

    await writer_of(database).write(Request(execution_id, write, decide))


async def heartbeat(
    database: Database, execution_id: UUID, write: Write, holder: str, ttl: timedelta
) -> None:
    """Extend the lease to `ttl` from now. No event: it would drown the history; one with a key has one.

    Raises `StaleLease` where it is not `holder`'s, `InvalidTransition` where the execution has ended.
    """
    await writer_of(database).write(beating(execution_id, write, holder, ttl))


def beating(execution_id: UUID, write: Write, holder: str, ttl: timedelta) -> Request:
    """A heartbeat to be made."""

    def decide(draft: Draft) -> Outcome:
        draft.require_live()
        if draft.head.lease_holder != holder:
            raise _not_yours(draft)
        draft.change(lease_expires_at=draft.now + ttl, heartbeat_at=draft.now)
        if draft.write.key is not None:
            draft.note(EventType.LEASE_EXTENDED, {})
        return {}

    return Request(execution_id, write, decide)


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

    await writer_of(database).write(Request(execution_id, write, decide))


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
