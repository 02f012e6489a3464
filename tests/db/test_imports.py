"""What importing leaves in the database, and that it can be repeated."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from db.engine import Database
from db.errors import Contended, NotFound
from db.ids import uuid7
from db.importing.loglines import ParsedLine
from db.importing.marks import Mark
from db.importing.wfformat import Trace, parse_trace
from db.moments import FIRST, LAST
from db.queries.imports import fetch_imported
from db.state_values import fetch_values
from db.writes.imports import append_log_lines, import_trace
from tests.db.importing.traces import diamond
from tests.factories import Factory

AT = datetime(2026, 1, 1, tzinfo=UTC)
LINES = [ParsedLine(20, f"line {number}", AT) for number in range(10)]
TABLES = ("workflows", "executions", "steps", "states", "metric_points", "events", "audit_entries")


def trace(**changed: Any) -> Trace:
    """A small trace."""
    return parse_trace(orjson.dumps({**diamond(), **changed}))


async def counts(database: Database) -> dict[str, int]:
    """How many rows there are."""
    async with database.reading() as connection:
        return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}


async def test_a_trace_becomes_an_execution(database: Database) -> None:
    await import_trace(database, trace(), "test")
    assert await counts(database) == {
        "workflows": 1,
        "executions": 1,
        "steps": 4,
        "states": 1,
        "metric_points": len(trace().metrics),
        "events": 1,
        "audit_entries": 1,
    }


async def test_all_steps_of_a_trace_are_done_in_the_order_of_their_ends(database: Database) -> None:
    imported = await import_trace(database, trace(), "test")
    async with database.reading() as connection:
        head = await connection.fetchrow("SELECT version, completed_steps FROM states")
        ended = await connection.fetch("SELECT key FROM steps ORDER BY completed_at, seq")
        (fields,) = await fetch_values(connection, [(imported.execution_id, 1)], field=True)
    keys = [row["key"] for row in ended]
    assert (head["version"], head["completed_steps"], len(keys)) == (1, keys, 4)
    assert orjson.loads(fields["completed_steps"]) == keys


async def test_the_same_trace_again_changes_nothing(database: Database) -> None:
    await import_trace(database, trace(), "test")
    before = await counts(database)
    again = await import_trace(database, trace(), "test")
    assert (again.created, await counts(database)) == (False, before)


async def test_ten_importers_of_one_trace_make_one_execution(database: Database, worker_url: str) -> None:
    importers = [Database(worker_url, pool_size=1) for _ in range(10)]
    outcomes = await asyncio.gather(*(import_trace(importer, trace(), "test") for importer in importers))
    await asyncio.gather(*(importer.close() for importer in importers))
    assert sorted(outcome.created for outcome in outcomes) == [False] * 9 + [True]


async def test_another_run_of_the_graph_is_another_execution_of_the_version(database: Database) -> None:
    first = await import_trace(database, trace(), "test")
    other = await import_trace(database, trace(description="another run"), "test")
    assert first.workflow_id == other.workflow_id
    assert first.execution_id != other.execution_id


def mark(offset: int) -> Mark:
    """A place in some file."""
    return Mark(offset, f"{offset:064x}", 40, AT, dated=True)


async def append(database: Database, execution: UUID, offset: int, after: int) -> int:
    """Append the lines up to a place."""
    return await append_log_lines(database, execution, LINES, "test", mark(offset), after)


async def test_log_lines_are_numbered_without_gaps(database: Database, make: Factory) -> None:
    execution, event = await make.execution(), 0
    for offset in (100, 200, 300):
        event = await append(database, execution, offset, event)
    async with database.reading() as connection:
        seqs = await connection.fetch("SELECT seq FROM log_entries ORDER BY seq")
        imported = await fetch_imported(connection, execution)
    assert [row["seq"] for row in seqs] == list(range(1, 31))
    assert (sorted(imported.marks, key=lambda mark: mark.offset), imported.event) == (
        [mark(100), mark(200), mark(300)],
        event,
    )


async def test_lines_from_the_ends_of_the_calendar_keep_their_times(
    database: Database, make: Factory
) -> None:
    execution, ends = await make.execution(), [FIRST, LAST, FIRST]
    await append_log_lines(
        database, execution, [ParsedLine(20, "m", end) for end in ends], "test", mark(1), 0
    )
    async with database.reading() as connection:
        found = await connection.fetch("SELECT logged_at FROM log_entries ORDER BY seq")
    assert [row["logged_at"] for row in found] == ends


async def test_ten_importers_of_one_file_take_it_in_once(
    database: Database, make: Factory, worker_url: str
) -> None:
    execution = await make.execution()
    importers = [Database(worker_url, pool_size=1) for _ in range(10)]
    outcomes = await asyncio.gather(
        *(append(importer, execution, 100 + number, 0) for number, importer in enumerate(importers)),
        return_exceptions=True,
    )
    await asyncio.gather(*(importer.close() for importer in importers))
    assert sorted(isinstance(outcome, Contended) for outcome in outcomes) == [False] + [True] * 9
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT log_seq FROM executions") == len(LINES)


async def test_the_log_of_nothing_is_refused(database: Database) -> None:
    with pytest.raises(NotFound, match="execution"):
        await append(database, uuid7(), 100, 0)
    async with database.reading() as connection:
        with pytest.raises(NotFound, match="execution"):
            await fetch_imported(connection, uuid7())
