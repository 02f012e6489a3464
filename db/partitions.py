"""Partitions of the execution tree: ranges of UUIDv7, which are ranges of time.

Every table of the tree has the same ranges, so one execution lies in one partition of each, and whole
ranges can be dropped when they are over. There is no DEFAULT partition: it would forbid detaching
without a long lock. Partitions are made before they are needed: by `flowkeep migrate`, at the server's
start and hourly by it, and by importers for the time that their history comes from.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from db.engine import Database
from db.enums import PartitionSpan
from db.ids import uuid7_floor, uuid7_time

# In the order of creation: a table comes after those that it refers to.
TREE = (
    "executions",
    "steps",
    "states",
    "state_entries",
    "checkpoints",
    "log_entries",
    "metric_points",
    "events",
)
# Rows of these are updated in place again and again: room on the page keeps the updates off the indexes.
_UPDATED_IN_PLACE = {"executions", "states"}
_LOCK = 0x7061727469740000
_BOUNDS = re.compile(r"FROM \('([0-9a-f-]+)'\) TO \('([0-9a-f-]+)'\)")


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """A half-open range of time that one partition of every table covers."""

    start: datetime
    end: datetime

    def covers(self, at: datetime) -> bool:
        """Whether `at` falls into the range."""
        return self.start <= at < self.end


def partition(table: str, over: Range) -> str:
    """The name of a table's partition for a range."""
    return f"{table}_{over.start:%Y%m%d}"


def span_around(at: datetime, span: PartitionSpan) -> Range:
    """The calendar day, ISO week or month (UTC) that `at` falls into."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if span is PartitionSpan.DAY:
        return Range(day, day + timedelta(days=1))
    if span is PartitionSpan.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Range(monday, monday + timedelta(days=7))
    first = day.replace(day=1)
    return Range(first, (first + timedelta(days=32)).replace(day=1))


def missing_ranges(
    existing: Iterable[Range], moments: Iterable[datetime], span: PartitionSpan
) -> Iterator[Range]:
    """The ranges to add so that every moment is covered.

    A new range is cut where it meets an existing one: after a change of span the two kinds live side
    by side.
    """
    known = sorted(existing)
    for at in sorted(moments):
        if any(there.covers(at) for there in known):
            continue
        wanted = span_around(at, span)
        start = max([wanted.start, *(there.end for there in known if there.end <= at)])
        end = min([wanted.end, *(there.start for there in known if there.start > at)])
        known.append(Range(start, end))
        yield known[-1]


async def list_ranges(connection: asyncpg.Connection) -> list[Range]:
    """The ranges that exist, oldest first."""
    bounds = await connection.fetch(
        """
        SELECT pg_get_expr(child.relpartbound, child.oid) AS bounds
        FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
        WHERE inhparent = 'executions'::regclass
        """
    )
    matches = (_BOUNDS.search(row["bounds"]) for row in bounds)
    return sorted(Range(uuid7_time(UUID(match[1])), uuid7_time(UUID(match[2]))) for match in matches if match)


async def cover(
    database: Database, moments: Iterable[datetime], span: PartitionSpan = PartitionSpan.MONTH
) -> list[Range]:
    """Make the partitions that `moments` need and that are not there; returns the new ranges.

    Waits at most five seconds for the tables' locks, so that it never queues writers behind a long
    reader: raises `Unavailable` then, and can be called again.
    """
    wanted = list(moments)
    async with database.reading() as connection:
        if not list(missing_ranges(await list_ranges(connection), wanted, span)):
            return []
    async with database.maintaining() as connection:
        await connection.execute("SET LOCAL lock_timeout = '5s'")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        added = list(missing_ranges(await list_ranges(connection), wanted, span))
        for new in added:
            for table in TREE:
                await _create_partition(connection, table, new)
    return added


async def cover_ahead(
    database: Database, span: PartitionSpan = PartitionSpan.MONTH, ahead: int = 3
) -> list[Range]:
    """Make the partition of now and of the next `ahead` spans."""
    moments = [datetime.now(UTC)]
    for _ in range(ahead):
        moments.append(span_around(moments[-1], span).end)
    return await cover(database, moments, span)


async def _create_partition(connection: asyncpg.Connection, table: str, new: Range) -> None:
    # Made aside and then attached: ATTACH lets readers and writers of the other partitions go on,
    # where CREATE ... PARTITION OF would lock them all out.
    name = partition(table, new)
    storage = " WITH (fillfactor = 80)" if table in _UPDATED_IN_PLACE else ""
    await connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL){storage}")
    await connection.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {name} "
        f"FOR VALUES FROM ('{uuid7_floor(new.start)}') TO ('{uuid7_floor(new.end)}')"
    )
