"""A write begins with no partition of times before its executions, and finds its rows by their keys."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
import pytest_asyncio

from db.engine import Database
from db.enums import StepStatus
from db.ids import uuid7_time
from db.partitions import TREE, cover, list_ranges, partition
from db.writes.batch import Batch
from db.writes.commits import CheckpointWish, StepCommit, committing
from db.writes.records import LogLine
from db.writes.states import StateChange
from db.writes.steps import StepEnd, StepStart
from db.writes.write import Write
from tests.conftest import Statements
from tests.factories import Factory

COMMIT = StepCommit(
    StepStart("s"),
    StepEnd(StepStatus.COMPLETED),
    StateChange(patch={"n": 1}),
    CheckpointWish("x"),
    [LogLine(20, "x")],
)


@pytest.fixture(params=[True, False], ids=["without locks", "with locks"])
def skip_locked(request: pytest.FixtureRequest) -> bool:
    """Whether the batch may be made without locks."""
    return bool(request.param)


@pytest_asyncio.fixture
async def process(worker_url: str, all_statements: Statements) -> AsyncIterator[Database]:
    """The database as a process has it whose every connection is listened to."""
    process = Database(worker_url, pool_size=1)
    yield process
    await process.close()


async def plans(
    database: Database, execution: UUID, statements: Statements, *, skip_locked: bool
) -> list[dict[str, Any]]:
    """The nodes of the plans of all statements of a step's commit."""
    await statements.clear()
    commit = committing(execution, Write("test", b"same", "key"), COMMIT)
    await Batch([commit]).make(database, skip_locked=skip_locked)
    await asyncio.sleep(0)  # the driver tells of a statement in the loop's next turn
    seen = [one for one in statements.seen if "executions" in one]
    nodes: list[dict[str, Any]] = []
    async with database.batching() as driver:
        for statement in seen:
            others = len(set(re.findall(r"\$\d+", statement))) - 2
            explained = f"EXPLAIN (FORMAT JSON) {statement}"
            plan = orjson.loads(await driver.fetchval(explained, execution, execution, *[None] * others))
            nodes += nodes_of(plan[0]["Plan"])
    return nodes


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's node and all below it."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes_of(below)


async def test_a_write_begins_with_no_partition_of_times_before(
    process: Database, make: Factory, all_statements: Statements
) -> None:
    await cover(process, [datetime(2019, 5, 1, tzinfo=UTC), datetime(2021, 5, 1, tzinfo=UTC)])
    execution = await make.execution()
    nodes = await plans(process, execution, all_statements, skip_locked=True)
    async with process.reading() as connection:
        times = {partition(table, each): each for each in await list_ranges(connection) for table in TREE}
    begun = [times[name] for node in nodes if (name := node.get("Relation Name")) in times]
    assert min(begun).covers(uuid7_time(execution))


async def test_its_rows_are_found_by_their_keys(
    process: Database, make: Factory, all_statements: Statements, skip_locked: bool
) -> None:
    execution = await make.execution()
    nodes = await plans(process, execution, all_statements, skip_locked=skip_locked)
    ranged = [node["Index Cond"] for node in nodes if ">= '" in node.get("Index Cond", "")]
    assert ranged
    assert [condition for condition in ranged if " = " not in condition] == []
