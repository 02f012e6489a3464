"""Workflows: create versions, change metadata and status, delete."""

from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from db.definitions import require_valid_definition
from db.engine import Database
from db.enums import WorkflowStatus
from db.errors import AlreadyExists, InvalidInput, NotFound, VersionConflict
from db.ids import uuid7, uuid7_time
from db.models import Event, Execution, LogEntry, Workflow
from db.models.base import among, table
from db.sessions import driver_of
from db.topology import is_distributed
from db.transitions import WORKFLOW_MOVES, require_move
from db.writes.deletions import note_deletions
from db.writes.holds import lock_holds, require_not_held
from db.writes.idempotent import Outcome, audit, write_idempotent
from db.writes.links import forget
from db.writes.locks import lock_each
from db.writes.priorities import rank_executions
from db.writes.write import Write

_SUBJECT = "WORKFLOW"
# The foreign keys act once for each execution that goes. Left to itself PostgreSQL plans that anew each time,
# for a plan of one partition looks cheaper than one of all; the planning costs more than what it is for.
_PLANNED_ONCE = "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off"


async def create_workflow(database: Database, write: Write, columns: dict[str, Any]) -> UUID:
    """Create a workflow version from its columns; returns its key.

    Raises `InvalidInput` for a definition that breaks the rules, `AlreadyExists` where name and version
    are taken.
    """
    require_valid_definition(columns["definition"])
    key = uuid7()

    async def work(session: AsyncSession) -> Outcome:
        row = {"id": key, "created_by": write.actor, "created_at": uuid7_time(key), **columns}
        statement = upsert(table(Workflow)).values(row).on_conflict_do_nothing().returning(Workflow.id)
        if (await session.execute(statement)).one_or_none() is None:
            raise AlreadyExists(f"There is a workflow {columns['name']!r} in version {columns['version']!r}.")
        after = {name: {"after": columns[name]} for name in ("name", "version", "status")}
        await audit(session, write, "WORKFLOW_CREATED", (_SUBJECT, key.hex), after)
        return {"workflow": key.hex}

    return UUID((await write_idempotent(database, write, work))["workflow"])


async def update_workflow(
    database: Database, write: Write, key: UUID, columns: dict[str, Any], expected_revision: int | None
) -> UUID:
    """Change metadata; a definition only of a DRAFT. A priority holds for executions that wait already.

    Returns the key.

    Raises `NotFound`, `VersionConflict` with the present revision, and `InvalidInput` for a definition of a
    workflow that is no DRAFT.
    """
    if "definition" in columns:
        require_valid_definition(columns["definition"])

    async def work(session: AsyncSession) -> Outcome:
        before = await _locked(session, key)
        if expected_revision is not None and before.revision != expected_revision:
            raise VersionConflict(expected_revision, before.revision)
        if "definition" in columns and before.status != WorkflowStatus.DRAFT:
            raise InvalidInput(
                f"The definition of a workflow can't change once it is {before.status}: create a new version."
            )
        changed = {
            name: value for name, value in columns.items() if _json(getattr(before, name)) != _json(value)
        }
        if changed:
            await _change(session, key, changed)
            if "priority" in changed:
                await rank_executions(session, key, changed["priority"])
            await audit(session, write, "WORKFLOW_UPDATED", (_SUBJECT, key.hex), _difference(before, changed))
        return {"workflow": key.hex}

    return UUID((await write_idempotent(database, write, work))["workflow"])


async def set_workflow_status(
    database: Database, write: Write, key: UUID, to: WorkflowStatus, expected_revision: int | None
) -> UUID:
    """Move a workflow to another status; returns its key.

    Raises `NotFound`, `VersionConflict` and `InvalidTransition`.
    """

    async def work(session: AsyncSession) -> Outcome:
        before = await _locked(session, key)
        if expected_revision is not None and before.revision != expected_revision:
            raise VersionConflict(expected_revision, before.revision)
        if require_move(WORKFLOW_MOVES, WorkflowStatus(before.status), to):
            await _change(session, key, {"status": to})
            changes = _difference(before, {"status": to})
            await audit(session, write, "WORKFLOW_STATUS_CHANGED", (_SUBJECT, key.hex), changes)
        return {"workflow": key.hex}

    return UUID((await write_idempotent(database, write, work))["workflow"])


async def delete_workflow(database: Database, write: Write, key: UUID, *, cascade: bool) -> int:
    """Delete a workflow version; with `cascade` its executions too. Returns how many executions went.

    Raises `NotFound`, and `InvalidTransition`-like refusals as `InvalidInput`: where there are executions
    and `cascade` is off, one of them has not ended, or something is on hold.
    """

    async def work(session: AsyncSession) -> Outcome:
        await lock_holds(session)
        before = await _locked(session, key)
        await require_not_held(session, [key])
        executions = await _delete_executions(session, write, key, cascade)
        await session.execute(delete(table(Workflow)).where(Workflow.id == key))
        changes = {"name": {"before": before.name}, "version": {"before": before.version}}
        changes["executions"] = {"before": executions}
        await audit(session, write, "WORKFLOW_DELETED", (_SUBJECT, key.hex), changes)
        return {"executions": executions}

    deleted: int = (await write_idempotent(database, write, work))["executions"]
    return deleted


async def _delete_executions(session: AsyncSession, write: Write, workflow: UUID, cascade: bool) -> int:
    mine = Execution.workflow_id == workflow
    driver = await driver_of(session)
    if is_distributed(driver):
        there = await session.scalars(select(Execution.id).where(mine).order_by(Execution.id))
        found = await lock_each(driver, there.all())
    else:
        found = list((await session.scalars(select(Execution.id).where(mine).with_for_update())).all())
    if found and not cascade:
        raise InvalidInput(
            f"The workflow has {len(found)} executions; delete them first, or ask for `cascade: true`."
        )
    live = select(func.count()).select_from(Execution).where(mine, Execution.completed_at.is_(None))
    if running := await session.scalar(live):
        raise InvalidInput(f"{running} executions of the workflow have not ended; cancel them first.")
    await require_not_held(session, found)
    await note_deletions(driver, write.actor, found)
    await forget(driver, found)
    for unlinked in (LogEntry, Event):
        await session.execute(delete(unlinked).where(among(unlinked.execution_id, found)))
    if not is_distributed(driver):
        await driver.execute(_PLANNED_ONCE)
    await session.execute(delete(table(Execution)).where(mine))
    return len(found)


async def _locked(session: AsyncSession, key: UUID) -> Row[Any]:
    statement = select(*Workflow.__table__.columns).where(Workflow.id == key).with_for_update()
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise NotFound("workflow", f"wf_{key.hex}")
    return row


async def _change(session: AsyncSession, key: UUID, columns: dict[str, Any]) -> None:
    values = {**columns, "revision": Workflow.revision + 1, "updated_at": func.statement_timestamp()}
    statement = update(table(Workflow)).where(Workflow.id == key).values(values)
    await session.execute(statement)


def _difference(before: Row[Any], changed: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"before": orjson.loads(_json(getattr(before, name))), "after": orjson.loads(_json(value))}
        for name, value in changed.items()
    }


def _json(value: Any) -> bytes:
    # As JSON, since Python takes true for 1; a duration as it prints.
    return orjson.dumps(value, str, orjson.OPT_SORT_KEYS)
