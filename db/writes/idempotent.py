"""Writes that no one execution's row orders: their idempotency keys, and the audit entries of most."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database
from db.ids import uuid7
from db.models import AuditEntry, IdempotencyKey
from db.models.base import table
from db.retry import retried
from db.writes.write import Replay, Write, replayed, shown

Outcome = dict[str, Any]
_TAKE_KEY = """
INSERT INTO idempotency_keys (key, fingerprint, outcome) VALUES ($1, $2, '{}') ON CONFLICT DO NOTHING
RETURNING key
"""
_EARLIER = "SELECT fingerprint, outcome FROM idempotency_keys WHERE key = $1"
_NOTE_OUTCOME = "UPDATE idempotency_keys SET outcome = $2::text::json WHERE key = $1"


def _none(outcome: Outcome) -> Iterable[UUID]:
    return ()


async def write_idempotent(
    database: Database,
    write: Write,
    work: Callable[[AsyncSession], Awaitable[Outcome]],
    executions: Callable[[Outcome], Iterable[UUID]] = _none,
) -> Outcome:
    """Do `work` in one transaction; returns its outcome, or the first one for a repetition.

    `executions` tells from the outcome which of them were changed or made, for those who follow them.

    The key is taken first, so that of several at once one works while the others wait for its outcome.
    """

    async def once() -> Outcome:
        async with database.writing() as session:
            await _take_key(session, write)
            outcome = await work(session)
            if write.key is not None:
                done = (
                    update(table(IdempotencyKey))
                    .where(IdempotencyKey.key == write.key)
                    .values(outcome=outcome)
                )
                await session.execute(done)
            return outcome

    return await _made(database, write, once, executions)


async def change_idempotent(
    database: Database,
    write: Write,
    work: Callable[[asyncpg.Connection], Awaitable[Outcome]],
    executions: Callable[[Outcome], Iterable[UUID]] = _none,
) -> Outcome:
    """The same for work on the driver's connection."""

    async def once() -> Outcome:
        async with database.changing() as driver:
            if write.key is None:
                return await work(driver)
            if await driver.fetchval(_TAKE_KEY, write.key, write.fingerprint) is None:
                fingerprint, outcome = await driver.fetchrow(_EARLIER, write.key)
                raise replayed(write, fingerprint, orjson.loads(outcome))
            outcome = await work(driver)
            await driver.execute(_NOTE_OUTCOME, write.key, orjson.dumps(outcome).decode())
            return outcome

    return await _made(database, write, once, executions)


async def _made(
    database: Database,
    write: Write,
    once: Callable[[], Awaitable[Outcome]],
    executions: Callable[[Outcome], Iterable[UUID]],
) -> Outcome:
    try:
        outcome = await retried(once, repeatable=write.key is not None)
    except Replay as replay:
        return replay.outcome
    if changed := list(executions(outcome)):
        database.committed(*changed)
    return outcome


async def _take_key(session: AsyncSession, write: Write) -> None:
    if write.key is None:
        return
    row = {"key": write.key, "fingerprint": write.fingerprint, "outcome": {}}
    statement = (
        upsert(table(IdempotencyKey)).values(row).on_conflict_do_nothing().returning(IdempotencyKey.key)
    )
    if (await session.execute(statement)).one_or_none() is not None:
        return
    recorded = select(IdempotencyKey.fingerprint, IdempotencyKey.outcome).where(
        IdempotencyKey.key == write.key
    )
    earlier = (await session.execute(recorded)).one()
    raise replayed(write, earlier.fingerprint, earlier.outcome)


async def audit(
    session: AsyncSession, write: Write, kind: str, subject: tuple[str, str], changes: dict[str, Any]
) -> None:
    """Record a change to `subject`, a (type, id), with what it changed."""
    row = {
        "id": uuid7(),
        "actor": write.actor,
        "type": kind,
        "subject_type": subject[0],
        "subject_id": subject[1],
        "changes": shown(changes),
    }
    await session.execute(insert(table(AuditEntry)).values(row))
