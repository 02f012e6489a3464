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
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database, driver_of
from db.enums import RunStatus
from db.errors import FlowkeepError, NotFound, Unavailable
from db.ids import uuid7, uuid7_floor
from db.partitions import TREE, Range
from db.queries.predicates import Parameters
from db.retention.partitions import Gone, Stays, drop_range, empty_logs, ranges_over
from db.retention.selection import Part, Policy, Selection, fetch_policies
from db.writes.batch import Batch
from db.writes.checkpoints import pruning
from db.writes.deletions import note_deletions
from db.writes.holds import lock_holds, try_lock_holds
from db.writes.idempotent import Outcome, audit, write_idempotent
from db.writes.write import Write

EXECUTIONS_A_BATCH = 500
ROWS_A_BATCH = 20_000
KEYS_A_BATCH = 5_000
SECONDS_A_BATCH = 1.0
# How many executions a batch looks at, whether they are due or not.
_LOOKED_AT = 5_000
_PRUNED_A_BATCH = 50
_PAUSE = 0.05
_TRIES = 20

_LIMITS = "SET LOCAL lock_timeout = '250ms'; SET LOCAL statement_timeout = 0"
_OPEN = (
    "SELECT id, policies FROM retention_runs WHERE finished_at IS NULL AND policy_id IS NOT DISTINCT FROM $1"
)
_INSERT = """
INSERT INTO retention_runs (id, actor, status, policy_id, policies) VALUES ($1, $2, 'RUNNING', $3, $4::json)
"""
_INTERRUPT = """
UPDATE retention_runs SET status = 'INTERRUPTED', place = NULL, finished_at = clock_timestamp(),
    updated_at = clock_timestamp()
WHERE id = $1
"""
_RUN = """
SELECT actor, policies, deleted, place, started_at FROM retention_runs WHERE id = $1 AND finished_at IS NULL
"""
_NOTE = """
UPDATE retention_runs SET deleted = $2::json, partitions = partitions || $3::text[], batches = batches + 1,
    place = $4::json, status = $5, updated_at = clock_timestamp(),
    finished_at = CASE WHEN $5 <> 'RUNNING' THEN clock_timestamp() END
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
_WINDOW = """
SELECT id FROM (SELECT e.id FROM executions e WHERE e.id < $1 ORDER BY e.id DESC LIMIT $2) looked_at
ORDER BY id LIMIT 1
"""
_EXPIRE_KEYS = """
DELETE FROM idempotency_keys WHERE key IN (
    SELECT key FROM idempotency_keys WHERE created_at < statement_timestamp() - $1::interval
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""
_EXPIRE_DELETIONS = """
DELETE FROM deleted_executions WHERE (xid, execution_id) IN (
    SELECT xid, execution_id FROM deleted_executions WHERE at < statement_timestamp() - $1::interval
    ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""
_TRIM_LOG = """
DELETE FROM log_entries WHERE execution_id = $1 AND seq IN (
    SELECT seq FROM log_entries WHERE execution_id = $1 ORDER BY seq LIMIT $2
)
"""
_WEIGHT = "e.log_seq + e.event_seq + e.step_seq + e.checkpoint_seq + e.metric_seq + 1"


@dataclass(frozen=True, slots=True)
class Progress:
    """What a batch of a run did, and whether it was the last."""

    deleted: dict[str, int]
    partitions: tuple[str, ...] = ()
    over: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a run is: in a phase, with everything at or after `before` done; None: at the phase's start."""

    phase: int = 0
    before: UUID | None = None
    tries: int = 0

    def to_json(self) -> str:
        """For the run's row."""
        before = None if self.before is None else self.before.hex
        return orjson.dumps({"phase": self.phase, "before": before, "tries": self.tries}).decode()

    @classmethod
    def from_json(cls, text: str | None) -> "_Place":
        """From the run's row."""
        if text is None:
            return cls()
        read = orjson.loads(text)
        return cls(read["phase"], None if read["before"] is None else UUID(read["before"]), read["tries"])


@dataclass(frozen=True, slots=True)
class _Done:
    """What a batch did, and where the next one goes on; None where the phase is over."""

    place: _Place | None
    rows: dict[str, int] = field(default_factory=dict)
    partitions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Batch:
    """One transaction of a run."""

    session: AsyncSession
    driver: asyncpg.Connection
    selection: Selection
    actor: str
    size: int


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
            if failures == _TRIES:
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


async def expire_keys(database: Database, older_than: timedelta) -> int:
    """Forget idempotency keys beyond an age, batch by batch; returns how many."""
    return await _expire(database, _EXPIRE_KEYS, older_than)


async def expire_deletions(database: Database, older_than: timedelta) -> int:
    """Forget deletions beyond an age in the same way: who follows changes is told of later ones only."""
    return await _expire(database, _EXPIRE_DELETIONS, older_than)


async def _expire(database: Database, statement: str, older_than: timedelta) -> int:
    expired = 0
    while True:
        async with database.maintaining() as connection:
            gone = _number(await connection.execute(statement, older_than, KEYS_A_BATCH))
        expired += gone
        if gone < KEYS_A_BATCH:
            return expired


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
        place = _Place.from_json(row["place"])
        batch = _Batch(session, driver, selection, row["actor"], size)
        done = await _PHASES[place.phase](batch, place)
        after = done.place or _Place(place.phase + 1)
        over = after.phase == len(_PHASES)
        deleted = _sum(orjson.loads(row["deleted"]), done.rows)
        status = RunStatus.COMPLETED if over else RunStatus.RUNNING
        noted = orjson.dumps(deleted).decode(), list(done.partitions), None if over else after.to_json()
        await driver.execute(_NOTE, run, *noted, status)
        return Progress(done.rows, done.partitions, over)


async def _unchanged(driver: asyncpg.Connection, policies: Sequence[Policy]) -> bool:
    kept = [policy for policy in policies if policy.id is not None]
    same = await driver.fetch(_SAME, [one.id for one in kept], [one.revision for one in kept])
    return len(same) == len(kept)


async def _drop_partitions(batch: _Batch, place: _Place) -> _Done:
    """The next range, as a whole if all of it may go."""
    for over in await ranges_over(batch.driver, batch.selection):
        if place.before is not None and uuid7_floor(over.start) >= place.before:
            continue
        try:
            gone = await _take_range(batch, over)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            if place.tries < _TRIES:  # somebody is at it; the next batch tries again
                return _Done(_Place(place.phase, place.before, place.tries + 1))
            gone = Gone()
        return _Done(_Place(place.phase, uuid7_floor(over.start)), gone.rows, gone.partitions)
    return _Done(None)


async def _take_range(batch: _Batch, over: Range) -> Gone:
    """Drop what is in a range, or its log entries, if all of it may go; nothing of it is done otherwise."""
    try:
        async with batch.driver.transaction():
            return await drop_range(batch.driver, batch.selection, over, batch.actor)
    except Stays:
        async with batch.driver.transaction():
            return await empty_logs(batch.driver, batch.selection, over) or Gone()


async def _delete_executions(batch: _Batch, place: _Place) -> _Done:
    """The newest of those that are due, since forks are newer than their bases."""
    found = await _next_due(batch, Part.EXECUTIONS, place, "true")
    if found is None:
        return _Done(None)
    keys, heaviest, lower = found
    rows: dict[str, int] = {}
    if keys and heaviest > ROWS_A_BATCH:
        # Too much to go at once: its log goes first, some of it in each batch.
        gone = _number(await batch.driver.execute(_TRIM_LOG, keys[0], ROWS_A_BATCH))
        rows = {"log_entries": gone} if gone else {}
        if gone == ROWS_A_BATCH:
            return _Done(_Place(place.phase, place.before), rows)
    return _Done(_Place(place.phase, lower), _sum(rows, await _delete(batch, keys)))


async def _delete_logs(batch: _Batch, place: _Place) -> _Done:
    logged = "EXISTS (SELECT FROM log_entries l WHERE l.execution_id = e.id)"
    found = await _next_due(batch, Part.LOGS, place, logged)
    if found is None:
        return _Done(None)
    keys, heaviest, lower = found
    if keys and heaviest > ROWS_A_BATCH:
        gone = _number(await batch.driver.execute(_TRIM_LOG, keys[0], ROWS_A_BATCH))
        behind = place.before if gone == ROWS_A_BATCH else lower
        return _Done(_Place(place.phase, behind), {"log_entries": gone})
    gone = _number(await batch.driver.execute("DELETE FROM log_entries WHERE execution_id = ANY($1)", keys))
    return _Done(_Place(place.phase, lower), {"log_entries": gone} if gone else {})


async def _prune_checkpoints(batch: _Batch, place: _Place) -> _Done:
    """All but what recovery and forks need, as if by `pruneCheckpoints` with `keepLast: 0`."""
    prunable = "EXISTS (SELECT FROM states s WHERE s.execution_id = e.id AND s.pruned_to < s.version)"
    found = await _next_due(batch, Part.CHECKPOINTS, place, prunable, _PRUNED_A_BATCH)
    if found is None:
        return _Done(None)
    keys, _, lower = found
    write = Write(batch.actor, b"")
    prunings = Batch([pruning(key, write, keep_last=0) for key in keys])
    rows: dict[str, int] = {}
    for answer in await prunings.make_within(batch.driver, skip_locked=False):
        if isinstance(answer, FlowkeepError):
            raise answer
        assert isinstance(answer, dict)  # locked already, so none is left out
        rows = _sum(rows, {"checkpoints": len(answer["checkpoints"]), "state_entries": answer["rows"]})
    return _Done(_Place(place.phase, lower), {table: number for table, number in rows.items() if number})


_PHASES = (_drop_partitions, _delete_executions, _delete_logs, _prune_checkpoints)


async def _next_due(
    batch: _Batch, part: Part, place: _Place, condition: str, most: int = EXECUTIONS_A_BATCH
) -> tuple[list[UUID], int, UUID] | None:
    """The next executions of which the part may go, locked; None where there is nothing left to look at.

    They come with the rows that the first of them has, and with the place behind them. Those that somebody
    else has locked are passed over: who goes on with one keeps it.
    """
    before = place.before or batch.selection.end(part)
    lower = None if before is None else await batch.driver.fetchval(_WINDOW, before, _LOOKED_AT)
    if before is None or lower is None:
        return None
    parameters = Parameters()
    between = f"e.id >= {parameters.add(lower, 'uuid')} AND e.id < {parameters.add(before, 'uuid')}"
    due = batch.selection.due(part, parameters, forks_go=True)
    size = min(batch.size, most)
    rows = await batch.driver.fetch(
        f"SELECT e.id, {_WEIGHT} AS rows FROM executions e WHERE {between} AND {due} AND {condition} "
        f"ORDER BY e.id DESC LIMIT {size} FOR UPDATE OF e SKIP LOCKED",
        *parameters.values,
    )
    if not rows:
        return [], 0, lower
    chosen = _as_many_as_fit(rows)
    behind = lower if len(chosen) == len(rows) < size else chosen[-1]
    return await _still_due(batch, part, chosen), rows[0]["rows"], behind


def _as_many_as_fit(rows: Sequence[Any]) -> list[UUID]:
    """The first, and those after it whose rows fit into the batch too."""
    chosen, total = [rows[0]["id"]], rows[0]["rows"]
    for row in rows[1:]:
        total += row["rows"]
        if total > ROWS_A_BATCH:
            break
        chosen.append(row["id"])
    return chosen


async def _still_due(batch: _Batch, part: Part, keys: list[UUID]) -> list[UUID]:
    """Those that are due now that they are locked: one may have been forked until then.

    Forks go with their bases, so what is found to stay may keep others.
    """
    while keys:
        parameters = Parameters()
        mine = parameters.add(keys, "uuid[]")
        due = batch.selection.due(part, parameters, gone_with=mine)
        rows = await batch.driver.fetch(
            f"SELECT e.id FROM executions e WHERE e.id = ANY({mine}) AND {due} ORDER BY e.id DESC",
            *parameters.values,
        )
        if len(rows) == len(keys):
            break
        keys = [row["id"] for row in rows]
    return keys


async def _delete(batch: _Batch, keys: list[UUID]) -> dict[str, int]:
    """Everything of these executions, table by table, so that it can be counted."""
    driver, gone = batch.driver, {}
    await note_deletions(driver, batch.actor, keys)
    for table in reversed(TREE):
        column = "id" if table == "executions" else "execution_id"
        gone[table] = _number(await driver.execute(f"DELETE FROM {table} WHERE {column} = ANY($1)", keys))
    return {table: number for table, number in gone.items() if number}


async def apply_enabled(database: Database, actor: str) -> UUID | None:
    """Apply all enabled policies to the end; returns the receipt's key, None where nothing was due."""
    async with database.reading() as connection:
        if not await fetch_policies(connection):
            return None
    run = await start_run(database, Write(actor, b""), audited=False)
    async for _ in go_on(database, run):
        pass
    async with database.maintaining() as connection:
        # By itself it leaves no receipt of nothing.
        nothing = await connection.fetchval(_FORGET_NOTHING, run, actor)
    return None if nothing else run


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {table: one.get(table, 0) + other.get(table, 0) for table in one | other}


def _number(tag: str) -> int:
    return int(tag.split()[-1])
