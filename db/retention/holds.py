"""Holds: what retention must not touch, and nobody delete, whatever the policies say."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database
from db.enums import Subject
from db.errors import AlreadyExists, NotFound
from db.models import Execution, Hold, Workflow
from db.models.base import table
from db.writes.holds import lock_holds
from db.writes.idempotent import Outcome, audit, write_idempotent
from db.writes.write import Write

_PREFIXES = {Subject.EXECUTION: "exec", Subject.WORKFLOW: "wf"}


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
        await session.execute(insert(table(Hold)).values(row))
        await audit(session, write, "HOLD_PLACED", (subject, key.hex), {"hold": {"after": reason}})
        return {"subject": key.hex}

    return UUID((await write_idempotent(database, write, work))["subject"])


async def release_hold(database: Database, write: Write, subject: Subject, key: UUID) -> UUID:
    """End a hold; returns the subject's key. Raises `NotFound` where there is none."""

    async def work(session: AsyncSession) -> Outcome:
        await lock_holds(session)
        ended = delete(table(Hold)).where(Hold.subject_id == key).returning(Hold.reason)
        reason = (await session.execute(ended)).scalar_one_or_none()
        if reason is None:
            raise NotFound("hold", f"on {_PREFIXES[subject]}_{key.hex}")
        await audit(session, write, "HOLD_RELEASED", (subject, key.hex), {"hold": {"before": reason}})
        return {"subject": key.hex}

    return UUID((await write_idempotent(database, write, work))["subject"])
