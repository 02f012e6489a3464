"""What a pruning leaves, over random histories: all that a kept version sees, and nothing else."""

import asyncio
from collections.abc import Iterable
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from db.engine import Database
from db.errors import InvalidInput
from db.writes import holds
from db.writes.checkpoints import create_checkpoint, prune_checkpoints
from db.writes.forks import fork_execution
from db.writes.recovery import recover_execution
from db.writes.states import StateChange, save_state
from db.writes.write import Write
from tests.factories import Factory
from tests.http.locks import Held
from tests.rows import rows

WRITE = Write("test", b"")
KEYS = ("a", "b", "c")


def change(random: Random, number: int) -> StateChange:
    """A save that sets, deletes and appends; `list` always holds a list."""
    values = {key: random.choice([number, None]) for key in KEYS if random.random() < 0.4}
    if random.random() < 0.1:
        return StateChange(patch={**values, "list": [number]})
    return StateChange(patch=values, appends={"list": [number]}, fields={"current_step": random.choice(KEYS)})


async def history(database: Database, make: Factory, random: Random) -> UUID:
    """An execution with saves, checkpoints, forks and perhaps a recovery."""
    execution, taken = await make.execution(), 0
    for number in range(40):
        await save_state(database, execution, WRITE, change(random, number))
        if random.random() < 0.25:
            taken = await create_checkpoint(database, execution, WRITE, None, None, None)
        if taken and random.random() < 0.1:
            await fork_execution(database, execution, random.randint(1, taken), WRITE, {})
    if taken and random.random() < 0.5:
        await recover_execution(database, execution, WRITE, random.randint(1, taken), None, plan=False)
    return execution


def seen_by(versions: Iterable[int], entries: list[Any]) -> set[tuple[bool, str, int]]:
    """The rows of variables that make up the states at these versions."""
    seen = set()
    for version in versions:
        for field, key in {(row["field"], row["key"]) for row in entries}:
            own = [row for row in entries if (row["field"], row["key"]) == (field, key)]
            until = [row for row in own if row["version"] <= version]
            last = max((row["version"] for row in until if row["op"] != "APPEND"), default=0)
            seen |= {(field, key, row["version"]) for row in until if row["version"] >= last}
    return seen


@pytest.mark.parametrize("keep_last", [0, 1, 3])
@pytest.mark.parametrize("seed", range(4))
async def test_exactly_what_no_kept_version_sees_goes(
    database: Database, make: Factory, seed: int, keep_last: int
) -> None:
    execution = await history(database, make, Random(seed))
    before = await rows(database, "state_entries", execution_id=execution)
    _, gone = await prune_checkpoints(database, execution, WRITE, keep_last, dry_run=False)
    left = await rows(database, "state_entries", execution_id=execution)
    (state,) = await rows(database, "states", execution_id=execution)
    marks = await rows(database, "checkpoints", execution_id=execution)
    kept = {*(mark["state_version"] for mark in marks), *range(state["pruned_to"], state["version"] + 1)}
    assert {(row["field"], row["key"], row["version"]) for row in left} == seen_by(kept, before)
    assert gone == len(before) - len(left) > 0


PLACE_HOLD = """INSERT INTO holds (subject_id, subject_type, reason, placed_by)
    VALUES ($1, 'EXECUTION', 'an audit', 'test')"""


async def test_a_hold_that_is_being_placed_is_waited_for(
    database: Database, make: Factory, worker_url: str
) -> None:
    execution = await make.execution()
    for _ in range(2):
        await create_checkpoint(database, execution, WRITE, None, None, None)
    other = await asyncpg.connect(worker_url.replace("+asyncpg", ""))
    async with other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock($1)", holds._LOCK)
        await other.execute(PLACE_HOLD, execution)
        pruning = asyncio.create_task(prune_checkpoints(database, execution, WRITE, 1, dry_run=False))
        assert await Held(other).awaited(1)
    with pytest.raises(InvalidInput, match="on hold"):
        await pruning
    await other.close()
