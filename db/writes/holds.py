"""Whether something is on hold: asked, under one lock, by whatever deletes executions or workflows."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from db.errors import InvalidInput
from db.models import Hold
from db.models.base import among

# Batches of retention and changes of holds come one after another: what is on hold when the mutation is
# answered was not taken, and won't be. Whoever also locks rows takes this lock first.
_LOCK = 0x686F6C6473000000


async def lock_holds(session: AsyncSession) -> None:
    """Within a transaction: wait until no batch is under way, and let none begin before the end."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def try_lock_holds(session: AsyncSession) -> bool:
    """Within a transaction: the same without waiting; False where somebody else has the lock."""
    return bool(await session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}))


async def require_not_held(session: AsyncSession, keys: Sequence[UUID]) -> None:
    """Within a transaction that has the lock: raise `InvalidInput` where one of these is on hold."""
    found = await session.scalar(select(Hold.reason).where(among(Hold.subject_id, keys)).limit(1))
    if found is not None:
        raise InvalidInput(f"It is on hold ({found}); release it first.")
