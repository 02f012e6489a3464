"""Whether something is on hold: asked, under one lock, by whatever deletes executions or workflows."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
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


async def share_holds(driver: asyncpg.Connection) -> None:
    """Within a transaction: as `lock_holds`, beside others that take only parts of single executions."""
    await driver.execute("SELECT pg_advisory_xact_lock_shared($1)", _LOCK)


async def require_not_held(session: AsyncSession, keys: Sequence[UUID]) -> None:
    """Within a transaction that has the lock: raise `InvalidInput` where one of these is on hold."""
    found = await session.scalar(select(Hold.reason).where(among(Hold.subject_id, keys)).limit(1))
    if found is not None:
        raise on_hold(found)


def on_hold(reason: str) -> InvalidInput:
    """The refusal to delete what is on hold, or a part of it."""
    return InvalidInput(f"It is on hold ({reason}); release it first.")
