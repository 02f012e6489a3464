"""What one batch of a run does: ranges of time first, then executions, logs and checkpoints."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from db.errors import FlowkeepError
from db.ids import uuid7_floor
from db.partitions import TREE, Range
from db.queries.predicates import Parameters
from db.retention.expiry import affected
from db.retention.partitions import Gone, Stays, drop_range, empty_logs, ranges_over
from db.retention.selection import Part, Selection
from db.topology import is_distributed
from db.writes.batch import Batch
from db.writes.checkpoints import pruning
from db.writes.deletions import note_deletions
from db.writes.links import forget
from db.writes.locks import lock_each
from db.writes.write import Write

EXECUTIONS_A_BATCH = 500
ROWS_A_BATCH = 20_000
# How many executions a batch looks at, whether they are due or not.
_LOOKED_AT = 5_000
_PRUNED_A_BATCH = 50
TRIES = 20
_WINDOW = """
SELECT id FROM (SELECT e.id FROM executions e WHERE e.id < $1 ORDER BY e.id DESC LIMIT $2) looked_at
ORDER BY id LIMIT 1
"""
_TRIM_LOG = """
DELETE FROM log_entries WHERE execution_id = $1 AND seq IN (
    SELECT seq FROM log_entries WHERE execution_id = $1 ORDER BY seq LIMIT $2
)
"""
_WEIGHT = "e.log_seq + e.event_seq + e.step_seq + e.checkpoint_seq + e.metric_seq + 1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is: in a phase, with everything at or after `before` done; None: at the phase's start."""

    phase: int = 0
    before: UUID | None = None
    tries: int = 0

    def to_json(self) -> str:
        """For the run's row."""
        before = None if self.before is None else self.before.hex
        return orjson.dumps({"phase": self.phase, "before": before, "tries": self.tries}).decode()

    @classmethod
    def from_json(cls, text: str | None) -> "Place":
        """From the run's row."""
        if text is None:
            return cls()
        read = orjson.loads(text)
        return cls(read["phase"], None if read["before"] is None else UUID(read["before"]), read["tries"])


@dataclass(frozen=True, slots=True)
class Done:
    """What a batch did, and where the next one goes on; None where the phase is over."""

    place: Place | None
    rows: dict[str, int] = field(default_factory=dict)
    partitions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunBatch:
    """One transaction of a run."""

    session: AsyncSession
    driver: asyncpg.Connection
    selection: Selection
    actor: str
    size: int


async def _drop_partitions(batch: RunBatch, place: Place) -> Done:
    """The next range, as a whole if all of it may go."""
    for over in await ranges_over(batch.driver, batch.selection):
        if place.before is not None and uuid7_floor(over.start) >= place.before:
            continue
        try:
            gone = await _take_range(batch, over)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            if place.tries < TRIES:  # somebody is at it; the next batch tries again
                return Done(Place(place.phase, place.before, place.tries + 1))
            gone = Gone()
        return Done(Place(place.phase, uuid7_floor(over.start)), gone.rows, gone.partitions)
    return Done(None)


async def _take_range(batch: RunBatch, over: Range) -> Gone:
    """Drop what is in a range, or its log entries, if all of it may go; nothing of it is done otherwise."""
    try:
        async with batch.driver.transaction():
            return await drop_range(batch.driver, batch.selection, over, batch.actor)
    except Stays:
        async with batch.driver.transaction():
            return await empty_logs(batch.driver, batch.selection, over) or Gone()


async def _delete_executions(batch: RunBatch, place: Place) -> Done:
    """The newest of those that are due, since forks are newer than their bases."""
    found = await _next_due(batch, Part.EXECUTIONS, place, "true")
    if found is None:
        return Done(None)
    keys, heaviest, lower = found
    rows: dict[str, int] = {}
    if keys and heaviest > ROWS_A_BATCH:
        # Too much to go at once: its log goes first, some of it in each batch.
        gone = affected(await batch.driver.execute(_TRIM_LOG, keys[0], ROWS_A_BATCH))
        rows = {"log_entries": gone} if gone else {}
        if gone == ROWS_A_BATCH:
            return Done(Place(place.phase, place.before), rows)
    return Done(Place(place.phase, lower), summed(rows, await _delete(batch, keys)))


async def _delete_logs(batch: RunBatch, place: Place) -> Done:
    logged = "EXISTS (SELECT FROM log_entries l WHERE l.execution_id = e.id)"
    found = await _next_due(batch, Part.LOGS, place, logged)
    if found is None:
        return Done(None)
    keys, heaviest, lower = found
    if keys and heaviest > ROWS_A_BATCH:
        gone = affected(await batch.driver.execute(_TRIM_LOG, keys[0], ROWS_A_BATCH))
        behind = place.before if gone == ROWS_A_BATCH else lower
        return Done(Place(place.phase, behind), {"log_entries": gone})
    gone = affected(await batch.driver.execute("DELETE FROM log_entries WHERE execution_id = ANY($1)", keys))
    return Done(Place(place.phase, lower), {"log_entries": gone} if gone else {})


async def _prune_checkpoints(batch: RunBatch, place: Place) -> Done:
    """All but what recovery and forks need, as if by `pruneCheckpoints` with `keepLast: 0`."""
    prunable = "EXISTS (SELECT FROM states s WHERE s.execution_id = e.id AND s.pruned_to < s.version)"
    found = await _next_due(batch, Part.CHECKPOINTS, place, prunable, _PRUNED_A_BATCH)
    if found is None:
        return Done(None)
    keys, _, lower = found
    write = Write(batch.actor)
    prunings = Batch([pruning(key, write, keep_last=0) for key in keys])
    rows: dict[str, int] = {}
    for answer in await prunings.make_within(batch.driver, skip_locked=False):
        if isinstance(answer, FlowkeepError):
            raise answer
        assert isinstance(answer, dict)  # locked already, so none is left out
        rows = summed(rows, {"checkpoints": len(answer["checkpoints"]), "state_entries": answer["rows"]})
    return Done(Place(place.phase, lower), {table: number for table, number in rows.items() if number})


PHASES = (_drop_partitions, _delete_executions, _delete_logs, _prune_checkpoints)


async def _next_due(
    batch: RunBatch, part: Part, place: Place, condition: str, most: int = EXECUTIONS_A_BATCH
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
    candidates = (
        f"SELECT e.id, {_WEIGHT} AS rows FROM executions e WHERE {between} AND {due} AND {condition} "
        f"ORDER BY e.id DESC LIMIT {size}"
    )
    rows, last = await _lock(batch.driver, candidates, parameters, size)
    if not rows:
        return [], 0, last or lower
    chosen = _as_many_as_fit(rows)
    behind = chosen[-1] if last is not None or len(chosen) < len(rows) else lower
    return await _still_due(batch, part, chosen), rows[0]["rows"], behind


async def _lock(
    driver: asyncpg.Connection, candidates: str, parameters: Parameters, size: int
) -> tuple[list[Any], UUID | None]:
    """Those of the candidates that nobody else holds; with the last, where there may be more behind it."""
    if is_distributed(driver):
        found = await driver.fetch(candidates, *parameters.values)
        locked = set(await lock_each(driver, [row["id"] for row in found], skip_locked=True))
        rows = [row for row in found if row["id"] in locked]
    else:
        rows = found = await driver.fetch(f"{candidates} FOR UPDATE OF e SKIP LOCKED", *parameters.values)
    return rows, found[-1]["id"] if len(found) == size else None


def _as_many_as_fit(rows: Sequence[Any]) -> list[UUID]:
    """The first, and those after it whose rows fit into the batch too."""
    chosen, total = [rows[0]["id"]], rows[0]["rows"]
    for row in rows[1:]:
        total += row["rows"]
        if total > ROWS_A_BATCH:
            break
        chosen.append(row["id"])
    return chosen


async def _still_due(batch: RunBatch, part: Part, keys: list[UUID]) -> list[UUID]:
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


async def _delete(batch: RunBatch, keys: list[UUID]) -> dict[str, int]:
    """Everything of these executions, table by table, so that it can be counted."""
    driver, gone = batch.driver, {}
    await note_deletions(driver, batch.actor, keys)
    await forget(driver, keys)
    for table in reversed(TREE):
        column = "id" if table == "executions" else "execution_id"
        gone[table] = affected(await driver.execute(f"DELETE FROM {table} WHERE {column} = ANY($1)", keys))
    return {table: number for table, number in gone.items() if number}


def summed(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    """Rows by table, of both."""
    return {table: one.get(table, 0) + other.get(table, 0) for table in one | other}
