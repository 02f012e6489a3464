"""Partitions: every moment covered once, whatever spans were used, and by whoever asks first."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from db.engine import Database
from db.enums import PartitionSpan
from db.errors import Unavailable
from db.ids import uuid7, uuid7_time
from db.partitions import TREE, Range, cover, cover_ahead, list_ranges, missing_ranges, span_around
from tests.conftest import TEMPLATE, create_database, drop_database
from tests.factories import Factory

PAST = datetime(2019, 12, 30, 12, tzinfo=UTC)
FIRST = datetime(2000, 1, 1)  # noqa: DTZ001 (bounds of a strategy are naive)
MOMENTS = st.datetimes(FIRST, FIRST.replace(year=2003), timezones=st.just(UTC))
ROUNDS = st.lists(st.tuples(st.sampled_from(PartitionSpan), st.lists(MOMENTS, max_size=5)), max_size=6)


def cover_all(rounds: list[tuple[PartitionSpan, list[datetime]]]) -> list[Range]:
    """The ranges after covering moments again and again, with any span each time."""
    ranges: list[Range] = []
    for span, moments in rounds:
        ranges += missing_ranges(ranges, moments, span)
    return sorted(ranges)


@given(rounds=ROUNDS)
def test_ranges_never_overlap(rounds: list[tuple[PartitionSpan, list[datetime]]]) -> None:
    assert [pair for pair in pairwise(cover_all(rounds)) if pair[0].end > pair[1].start] == []


@given(rounds=ROUNDS)
def test_no_range_is_empty(rounds: list[tuple[PartitionSpan, list[datetime]]]) -> None:
    assert [one for one in cover_all(rounds) if one.start >= one.end] == []


@given(rounds=ROUNDS)
def test_every_moment_is_covered_once(rounds: list[tuple[PartitionSpan, list[datetime]]]) -> None:
    ranges = cover_all(rounds)
    moments = [moment for _, moments in rounds for moment in moments]
    assert [sum(one.covers(at) for one in ranges) for at in moments] == [1] * len(moments)


@given(rounds=ROUNDS, span=st.sampled_from(PartitionSpan))
def test_what_is_covered_needs_nothing(
    rounds: list[tuple[PartitionSpan, list[datetime]]], span: PartitionSpan
) -> None:
    moments = [moment for _, moments in rounds for moment in moments]
    assert list(missing_ranges(cover_all(rounds), moments, span)) == []


@given(at=MOMENTS, span=st.sampled_from(PartitionSpan))
def test_a_span_is_a_whole_of_the_calendar(at: datetime, span: PartitionSpan) -> None:
    around = span_around(at, span)
    assert around.covers(at)
    assert around.start.strftime(
        {PartitionSpan.DAY: "%H", PartitionSpan.WEEK: "%H %u", PartitionSpan.MONTH: "%H %d"}[span]
    ) in (("00", "00 1", "00 01"))
    assert span_around(around.end, span).start == around.end


@pytest.mark.parametrize(
    ("span", "start", "end"),
    [
        (PartitionSpan.DAY, datetime(2019, 12, 30, tzinfo=UTC), datetime(2019, 12, 31, tzinfo=UTC)),
        (PartitionSpan.WEEK, datetime(2019, 12, 30, tzinfo=UTC), datetime(2020, 1, 6, tzinfo=UTC)),
        (PartitionSpan.MONTH, datetime(2019, 12, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_span_goes_over_the_turn_of_the_year(span: PartitionSpan, start: datetime, end: datetime) -> None:
    assert span_around(PAST, span) == Range(start, end)


def test_a_smaller_span_fits_between_greater_ones() -> None:
    month = list(missing_ranges([], [PAST], PartitionSpan.MONTH))
    week = list(missing_ranges(month, [PAST + timedelta(days=3)], PartitionSpan.WEEK))
    assert week == [Range(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 6, tzinfo=UTC))]


@pytest_asyncio.fixture
async def own_url(cluster_url: str) -> AsyncIterator[str]:
    """A database whose partitions may change."""
    url = await create_database(cluster_url, f"partitions_{os.getpid()}", TEMPLATE)
    yield url
    await drop_database(url)


@pytest_asyncio.fixture
async def own(own_url: str) -> AsyncIterator[Database]:
    """That database through a pool of one connection."""
    database = Database(own_url, pool_size=1)
    yield database
    await database.close()


async def ranges(database: Database) -> list[Range]:
    """The ranges of executions."""
    async with database.reading() as connection:
        return await list_ranges(connection)


async def test_covering_twice_adds_nothing(own: Database) -> None:
    added = await cover(own, [PAST], PartitionSpan.WEEK)
    assert (len(added), await cover(own, [PAST], PartitionSpan.WEEK)) == (1, [])


async def test_covering_ahead_reaches_ahead(own: Database) -> None:
    await cover_ahead(own, ahead=5)
    there = await ranges(own)
    weeks = [datetime.now(UTC) + timedelta(weeks=number) for number in range(21)]
    assert [sum(one.covers(at) for one in there) for at in weeks] == [1] * len(weeks)


async def test_whoever_covers_at_once_makes_one_set(own: Database, own_url: str) -> None:
    before = await ranges(own)
    moments = [PAST + timedelta(days=day) for day in range(0, 60, 7)]
    databases = [Database(own_url, pool_size=1) for _ in range(5)]
    added = await asyncio.gather(*(cover(database, moments) for database in databases))
    await asyncio.gather(*(database.close() for database in databases))
    assert sorted(sum(added, before)) == await ranges(own)


@pytest.mark.parametrize(
    "spans", [[PartitionSpan.MONTH], [PartitionSpan.DAY, PartitionSpan.WEEK, PartitionSpan.MONTH]]
)
async def test_every_table_of_the_tree_has_the_same_ranges(own: Database, spans: list[PartitionSpan]) -> None:
    for number, span in enumerate(spans):
        await cover(own, [PAST + timedelta(days=4 * number)], span)
    async with own.reading() as connection:
        bounds = {
            table: await connection.fetchval(
                "SELECT array_agg(pg_get_expr(c.relpartbound, c.oid) ORDER BY 1) "
                "FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
                "WHERE i.inhparent = $1::text::regclass",
                table,
            )
            for table in TREE
        }
    assert list(bounds.values()) == [bounds["executions"]] * len(TREE)


async def test_an_execution_of_the_past_can_be_written_once_its_time_is_covered(own: Database) -> None:
    await cover(own, [PAST])
    key = await Factory(own).execution(id=uuid7(PAST))
    async with own.reading() as connection:
        found = await connection.fetchval(
            "SELECT tableoid::regclass::text FROM executions WHERE id = $1", key
        )
    assert (found, uuid7_time(key)) == ("executions_20191201", PAST)


async def test_an_execution_of_a_time_without_partitions_is_refused(own: Database) -> None:
    with pytest.raises(Unavailable, match="no partition"):
        await Factory(own).execution(id=uuid7(PAST))
