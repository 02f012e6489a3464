"""Applying policies: one run, batch after batch, by one process or by several at once.

A run is its receipt: a row that says what it goes by, how far it came and what has gone. Each batch is a
transaction of its own that takes the lock of all batches, goes on where the row says, and writes down what
it did; so a run that was killed goes on where it was, several processes share its work, and the receipt says
exactly what is gone. A batch takes rows that nobody else holds, waits for no lock longer than 250 ms, and
stops at a bounded number of rows; when it took long, the next one takes less.

Before each batch the policies are looked at again: a run whose policies have changed or gone is INTERRUPTED.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database
from db.enums import RunStatus
from db.errors import NotFound, Unavailable
from db.ids import uuid7
from db.retention.phases import EXECUTIONS_A_BATCH, PHASES, TRIES, Place, RunBatch, summed
from db.retention.selection import Policy, Selection, fetch_policies
from db.sessions import driver_of
from db.writes.holds import lock_holds, try_lock_holds
from db.writes.idempotent import Outcome, audit, write_idempotent
from db.writes.write import Write

SECONDS_A_BATCH = 1.0
_PAUSE = 0.05

_LIMITS = "SET LOCAL lock_timeout = '250ms'; SET LOCAL statement_timeout = 0"
_OPEN = (
    "SELECT id, policies FROM retention_runs WHERE finished_at IS NULL AND policy_id IS NOT DISTINCT FROM $1"
)
_INSERT = """
INSERT INTO retention_runs (id, actor, status, policy_id, policies) VALUES ($1, $2, 'RUNNING', $3, $4::json)
"""
_INTERRUPT = """
UPDATE retention_runs SET status = 'INTERRUPTED', place = NULL, finished_at = statement_timestamp(),
    updated_at = statement_timestamp()
WHERE id = $1
"""
_RUN = """
SELECT actor, policies, deleted, place, started_at FROM retention_runs WHERE id = $1 AND finished_at IS NULL
"""
_NOTE = """
UPDATE retention_runs SET deleted = $2::json, partitions = partitions || $3::text[], batches = batches + 1,
    place = $4::json, status = $5, updated_at = statement_timestamp(),
    finished_at = {finished}
WHERE id = $1
"""
_FORGET_NOTHING = """
DELETE FROM retention_runs WHERE id = $1 AND actor = $2 AND status = 'COMPLETED' AND deleted::text = '{}'
RETURNING true
"""
_SAME = """
SELECT p.id FROM retention_policies p JOIN unnest($1::uuid[], $2::bigint[]) AS seen(id, revision)
ON seen.id = p.id AND seen.revision = p.revision
FOR SHARE OF p
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a batch of a run did, and whether it was the last."""

    deleted: dict[str, int]
    partitions: tuple[str, ...] = ()
    over: bool = False


async def start_run(
    database: Database, write: Write, policy: UUID | None = None, *, audited: bool = True
) -> UUID:
    """Begin a run of all enabled policies, or of one that is named, or join the one that is under way.

    Returns its key; `go_on` does its work. Raises `NotFound`.
    """

    async def work(session: AsyncSession) -> Outcome:
        await lock_holds(session)
        driver = await driver_of(session)
        policies = await fetch_policies(driver, policy)
        if policy is not None and not policies:
            raise NotFound("retention policy", f"pol_{policy.hex}")
        snapshot = [one.snapshot() for one in policies]
        there = await driver.fetchrow(_OPEN, policy)
        if there is not None and orjson.loads(there["policies"]) == snapshot:
            return {"run": there["id"].hex}
        if there is not None:
            await driver.execute(_INTERRUPT, there["id"])
        key = uuid7()
        await driver.execute(_INSERT, key, write.actor, policy, orjson.dumps(snapshot).decode())
        if audited:
            named = {"policies": {"after": [one.name for one in policies]}}
            await audit(session, write, "RETENTION_APPLIED", ("RUN", key.hex), named)
        return {"run": key.hex}

    return UUID((await write_idempotent(database, write, work))["run"])


async def go_on(
    database: Database, run: UUID, seconds: float | None = None
) -> AsyncGenerator[Progress, None]:
    """Do a run's work, for so many seconds or to its end; yields what each batch did.

    Raises `Unavailable` where again and again a batch could not be done.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    selection: Selection | None = None
    size, failures, over = EXECUTIONS_A_BATCH, 0, False
    while not over and (deadline is None or time.monotonic() < deadline):
        started = time.monotonic()
        try:
            if selection is None:
                selection = await _selection(database, run)
                if selection is None:
                    return
            progress = await _batch(database, run, selection, size)
        except Unavailable:
            failures += 1
            if failures == TRIES:
                raise
            await asyncio.sleep(_PAUSE * 2)
            continue
        if progress is None:  # another process is at it
            await asyncio.sleep(_PAUSE)
            continue
        failures, over = 0, progress.over
        slow = time.monotonic() - started > SECONDS_A_BATCH
        size = max(10, size // 2) if slow else min(EXECUTIONS_A_BATCH, size * 2)
        yield progress
        if slow:
            await asyncio.sleep(_PAUSE)


async def _selection(database: Database, run: UUID) -> Selection | None:
    async with database.reading() as connection:
        row = await connection.fetchrow(_RUN, run)
        if row is None:
            return None
        policies = [Policy.of_snapshot(one) for one in orjson.loads(row["policies"])]
        return await Selection.at(connection, policies, row["started_at"])


async def _batch(database: Database, run: UUID, selection: Selection, size: int) -> Progress | None:
    """One batch; None where another process is at one."""
    async with database.writing() as session:
        if not await try_lock_holds(session):
            return None
        driver = await driver_of(session)
        await driver.execute(_LIMITS)
        row = await driver.fetchrow(f"{_RUN} FOR UPDATE", run)
        if row is None:
            return Progress({}, over=True)
        if not await _unchanged(driver, selection.policies):
            await driver.execute(_INTERRUPT, run)
            return Progress({}, over=True)
        place = Place.from_json(row["place"])
        batch = RunBatch(session, driver, selection, row["actor"], size)
        done = await PHASES[place.phase](batch, place)
        after = done.place or Place(place.phase + 1)
        over = after.phase == len(PHASES)
        deleted = summed(orjson.loads(row["deleted"]), done.rows)
        status = RunStatus.COMPLETED if over else RunStatus.RUNNING
        noted = orjson.dumps(deleted).decode(), list(done.partitions), None if over else after.to_json()
        note = _NOTE.format(finished="statement_timestamp()" if over else "NULL")
        await driver.execute(note, run, *noted, status)
        return Progress(done.rows, done.partitions, over)


async def _unchanged(driver: asyncpg.Connection, policies: Sequence[Policy]) -> bool:
    kept = [policy for policy in policies if policy.id is not None]
    same = await driver.fetch(_SAME, [one.id for one in kept], [one.revision for one in kept])
    return len(same) == len(kept)


async def apply_enabled(database: Database, actor: str) -> UUID | None:
    """Apply all enabled policies to the end; returns the receipt's key, None where nothing was due."""
    async with database.reading() as connection:
        if not await fetch_policies(connection):
            return None
    run = await start_run(database, Write(actor), audited=False)
    async for _ in go_on(database, run):
        pass
    async with database.maintaining() as connection:
        # By itself it leaves no receipt of nothing.
        nothing = await connection.fetchval(_FORGET_NOTHING, run, actor)
    return None if nothing else run
