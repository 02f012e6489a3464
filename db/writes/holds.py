"""Holds: what retention must not touch, and nobody delete, whatever the policies say."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database
from db.enums import Subject
from db.errors import AlreadyExists, InvalidInput, NotFound
from db.models import Execution, Hold, Workflow
from db.models.base import among
from db.writes.keyed import Outcome, audit, write_keyed
from db.writes.write import Write

# Batches of retention and changes of holds come one after another: what is on hold when the mutation is
# answered was not taken, and won't be. Whoever also locks rows takes this lock first.
_LOCK = 0x686F6C6473000000
_PREFIXES = {Subject.EXECUTION: "exec", Subject.WORKFLOW: "wf"}


async def lock_holds(session: AsyncSession) -> None:
    """Within a transaction: wait until no batch is under way, and let none begin before the end."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def try_lock_holds(session: AsyncSession) -> bool:
    """Within a transaction: the same without waiting; False where somebody else has the lock."""
    return bool(await session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}))


async def place_hold(database: Database, write: Write, subject: Subject, key: UUID, reason: str) -> UUID:
    """Put an execution, or all of a workflow version, on hold; returns the subject's key.

    Raises `NotFound`, and `AlreadyExists` where it is on hold.
    """

    async def work(session: AsyncSession) -> Outcome:
        await lock_holds(session)
        model: Any = Execution if subject is Subject.EXECUTION else Workflow
        there = select(model.id).where(model.id == key).with_for_update(read=True, key_share=True)
        if await session.scalar(there) is None:
            raise NotFound(subject.lower(), f"{_PREFIXES[subject]}_{key.hex}")
        if await session.get(Hold, key) is not None:
            raise AlreadyExists("It is on hold already; release it first to give another reason.")
        row = {"subject_id": key, "subject_type": subject, "reason": reason, "placed_by": write.actor}
        await session.execute(insert(Hold).values(row))
        await audit(session, write, "HOLD_PLACED", (subject, key.hex), {"hold": {"after": reason}})
        return {"subject": key.hex}

    return UUID((await write_keyed(database, write, work))["subject"])


async def release_hold(database: Database, write: Write, subject: Subject, key: UUID) -> UUID:
    """End a hold; returns the subject's key. Raises `NotFound` where there is none."""

    async def work(session: AsyncSession) -> Outcome:
        await lock_holds(session)
        ended = delete(Hold).where(Hold.subject_id == key).returning(Hold.reason)
        reason = (await session.execute(ended)).scalar_one_or_none()
        if reason is None:
            raise NotFound("hold", f"on {_PREFIXES[subject]}_{key.hex}")
        await audit(session, write, "HOLD_RELEASED", (subject, key.hex), {"hold": {"before": reason}})
        return {"subject": key.hex}

    return UUID((await write_keyed(database, write, work))["subject"])


async def require_not_held(session: AsyncSession, keys: Sequence[UUID]) -> None:
    """Within a transaction that has the lock: raise `InvalidInput` where one of these is on hold."""
    found = await session.scalar(select(Hold.reason).where(among(Hold.subject_id, keys)).limit(1))
    if found is not None:
        raise InvalidInput(f"It is on hold ({found}); release it first.")
