"""Retention policies: create, change, delete."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database
from db.enums import TERMINAL_EXECUTION
from db.errors import AlreadyExists, InvalidInput, NotFound, VersionConflict
from db.ids import uuid7, uuid7_time
from db.models import RetentionPolicy
from db.models.base import table
from db.writes.idempotent import Outcome, audit, write_idempotent
from db.writes.write import Write

_SUBJECT = "POLICY"
_AGES = ("keep_executions", "keep_logs", "keep_checkpoints")
MOST_KEPT = 10_000
LONGEST_AGE_DAYS = 36_500


async def create_policy(database: Database, write: Write, columns: dict[str, Any]) -> UUID:
    """Create a policy from its columns; returns its key.

    Raises `InvalidInput` for one that could take nothing, `AlreadyExists` where the name is taken.
    """
    require_sense(columns)
    key = uuid7()

    async def work(session: AsyncSession) -> Outcome:
        row = {"id": key, "created_by": write.actor, "created_at": uuid7_time(key), **columns}
        statement = (
            upsert(table(RetentionPolicy)).values(row).on_conflict_do_nothing().returning(RetentionPolicy.id)
        )
        if (await session.execute(statement)).one_or_none() is None:
            raise AlreadyExists(f"There is a retention policy {columns['name']!r}.")
        changes = {name: {"after": _plain(value)} for name, value in columns.items() if value is not None}
        await audit(session, write, "RETENTION_POLICY_CREATED", (_SUBJECT, key.hex), changes)
        return {"policy": key.hex}

    return UUID((await write_idempotent(database, write, work))["policy"])


async def update_policy(
    database: Database, write: Write, key: UUID, columns: dict[str, Any], expected_revision: int | None
) -> UUID:
    """Change a policy; a run that goes by it stops at its next batch. Returns the key.

    Raises `NotFound`, `VersionConflict`, `AlreadyExists`, and `InvalidInput` for one that could take nothing.
    """

    async def work(session: AsyncSession) -> Outcome:
        before = (await _locked(session, key))._mapping
        if expected_revision is not None and before["revision"] != expected_revision:
            raise VersionConflict(expected_revision, before["revision"])
        require_sense({**before, **columns})
        changed = {name: value for name, value in columns.items() if before[name] != value}
        if changed:
            revision = {"revision": RetentionPolicy.revision + 1, "updated_at": func.statement_timestamp()}
            statement = (
                update(table(RetentionPolicy)).where(RetentionPolicy.id == key).values(**changed, **revision)
            )
            await session.execute(statement)
            changes = {
                name: {"before": _plain(before[name]), "after": _plain(value)}
                for name, value in changed.items()
            }
            await audit(session, write, "RETENTION_POLICY_UPDATED", (_SUBJECT, key.hex), changes)
        return {"policy": key.hex}

    return UUID((await write_idempotent(database, write, work))["policy"])


async def delete_policy(database: Database, write: Write, key: UUID) -> UUID:
    """Delete a policy; receipts keep what it said. Returns the key it had. Raises `NotFound`."""

    async def work(session: AsyncSession) -> Outcome:
        before = await _locked(session, key)
        await session.execute(delete(table(RetentionPolicy)).where(RetentionPolicy.id == key))
        changes = {"name": {"before": before.name}}
        await audit(session, write, "RETENTION_POLICY_DELETED", (_SUBJECT, key.hex), changes)
        return {"policy": key.hex}

    return UUID((await write_idempotent(database, write, work))["policy"])


def require_ended(statuses: Iterable[str]) -> list[str]:
    """The statuses, each once; raises `InvalidInput` for one that is no end."""
    live = [status for status in statuses if status not in TERMINAL_EXECUTION]
    if live:
        raise InvalidInput(f"Retention never touches what has not ended; {live[0]} is no end.")
    return list(dict.fromkeys(statuses))


def require_sense(columns: dict[str, Any]) -> None:
    """Raise `InvalidInput` for a policy that could take nothing, or more than it says."""
    ages = [columns.get(name) for name in _AGES]
    if all(age is None for age in ages):
        raise InvalidInput(
            "A policy takes something: give `keepExecutions`, `keepLogs` or `keepCheckpoints`."
        )
    if any(age is not None and not 0 <= age.total_seconds() <= LONGEST_AGE_DAYS * 86_400 for age in ages):
        raise InvalidInput("An age is not negative, and at most 100 years (36,500 days).")
    if columns.get("statuses") is not None and not columns["statuses"]:
        raise InvalidInput(
            "An empty list of statuses matches nothing; leave it out for all that are terminal."
        )
    last = columns.get("keep_last")
    if last is not None and not 1 <= last <= MOST_KEPT:
        raise InvalidInput(f"`keepLast` is 1 to {MOST_KEPT}.")


def _plain(value: Any) -> Any:
    """As JSON: an age in seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else value


async def _locked(session: AsyncSession, key: UUID) -> Row[Any]:
    statement = select(*RetentionPolicy.__table__.columns).where(RetentionPolicy.id == key).with_for_update()
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise NotFound("retention policy", f"pol_{key.hex}")
    return row
