"""Keyset pages against a plain Python list: any page size, direction, order and filter."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.enums import ExecutionStatus, LogLevel, StepStatus, Subject
from db.ids import uuid7
from db.queries.sources import END_OF_TIME, NO_TIME_YET
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.graph.lists import Listing
from tests.sizes import examples

NUMBER = 17
NOW = datetime.now(UTC).replace(microsecond=0)
modest = settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
Growth = Callable[[Random], Awaitable[None]]


@dataclass(frozen=True)
class Shelf:
    """A list that was made: every row's place in every order, and which rows each filter leaves."""

    listing: Listing
    places: dict[str, dict[str, tuple[Any, ...]]]
    filters: list[tuple[dict[str, Any] | None, set[str]]]
    grow: Growth

    def rows(self, order: str, descending: bool, among: set[str]) -> list[str]:
        """What a list of all rows holds, by the model."""
        return sorted(among, key=lambda row: self.places[row][order], reverse=descending)

    def question(self, data: st.DataObject) -> tuple[dict[str, Any], list[str]]:
        """A filter and an order, and the rows in their order."""
        order = data.draw(st.sampled_from(list(next(iter(self.places.values())))), "order")
        descending = data.draw(st.booleans(), "descending")
        narrowed, among = data.draw(st.sampled_from(self.filters), "filter")
        by = {"field": order, "direction": "DESC" if descending else "ASC"}
        return {"filter": narrowed, "orderBy": by}, self.rows(order, descending, among)


def moment(number: int) -> datetime | None:
    """Few different moments, so that ties are common; null for every fourth row."""
    return None if number % 4 == 0 else NOW + timedelta(seconds=number % 3, microseconds=number % 2)


async def executions(make: Factory) -> Shelf:
    """Executions in every status, created within few milliseconds of one another."""
    workflow = await make.workflow()
    places, running, tagged = {}, set(), set()
    for number in range(NUMBER):
        key, started = uuid7(NOW + timedelta(milliseconds=number // 3)), moment(number)
        completed = None if started is None or number % 5 == 0 else started + timedelta(seconds=number % 2)
        status = "PENDING" if started is None else "RUNNING" if completed is None else "FAILED"
        tags = ["odd"] if number % 2 else ["even", "odd"]
        row = {"tags": tags, "started_at": started, "completed_at": completed}
        await make.execution(workflow, id=key, status=ExecutionStatus(status), **row)
        public = encode(Kind.EXECUTION, key)
        places[public] = {
            "CREATED_AT": (key,),
            "STARTED_AT": (started or END_OF_TIME, key),
            "COMPLETED_AT": (completed or END_OF_TIME, key),
            "DURATION": (NO_TIME_YET if started is None or completed is None else completed - started, key),
        }
        running |= {public} if status == "RUNNING" else set()
        tagged |= {public} if "even" in tags else set()

    async def grow(random: Random) -> None:
        key = uuid7(NOW + timedelta(milliseconds=random.randrange(NUMBER // 3)))
        await make.execution(workflow, id=key, status=ExecutionStatus.RUNNING, tags=["even"])

    narrowed = [(None, set(places)), ({"status": "RUNNING"}, running), ({"tags": {"all": "even"}}, tagged)]
    return Shelf(Listing("executions", "Execution"), places, narrowed, grow)


async def steps(make: Factory) -> Shelf:
    """Attempts at few steps, in any status."""
    execution = await make.execution()
    places, completed = {}, set()
    for seq in range(1, NUMBER + 1):
        status = StepStatus.PENDING if seq % 4 == 0 else StepStatus.COMPLETED
        key, attempt, started = f"{'zé%_a'[seq % 5]}", seq // 5 + 1, moment(seq)
        row = {"status": status, "key": key, "attempt": attempt, "started_at": started}
        await make.steps(execution, 1, seq, completed_at=started, **row)
        public = encode(Kind.STEP, execution, seq)
        places[public] = {
            "SEQ": (seq,),
            "KEY": (key.encode(), attempt),
            "STARTED_AT": (started or END_OF_TIME, seq),
        }
        completed |= {public} if status is StepStatus.COMPLETED else set()
    seqs = count(NUMBER + 1)

    async def grow(random: Random) -> None:
        seq = next(seqs)
        await make.steps(execution, start=seq, key="zé%_a"[random.randrange(5)], attempt=seq)

    narrowed = [(None, set(places)), ({"status": "COMPLETED"}, completed)]
    return Shelf(Listing("steps", "Step", encode(Kind.EXECUTION, execution)), places, narrowed, grow)


async def logs(make: Factory) -> Shelf:
    """Log entries, many of the same moment."""
    execution = await make.execution()
    places, concern = {}, set()
    for seq in range(1, NUMBER + 1):
        at, level = moment(seq) or NOW, (LogLevel.INFO, LogLevel.WARN, LogLevel.ERROR)[seq % 3]
        await make.logs(execution, start=seq, logged_at=at, level=level)
        public = encode(Kind.LOG_ENTRY, execution, seq)
        places[public] = {"SEQ": (seq,), "LOGGED_AT": (at, seq)}
        concern |= {public} if level >= LogLevel.WARN else set()
    seqs = count(NUMBER + 1)

    async def grow(random: Random) -> None:
        at = NOW + timedelta(seconds=random.randrange(4))
        await make.logs(execution, start=next(seqs), level=LogLevel.WARN, logged_at=at)

    narrowed = [(None, set(places)), ({"minLevel": "WARN"}, concern)]
    return Shelf(Listing("logs", "Log", encode(Kind.EXECUTION, execution)), places, narrowed, grow)


async def holds(make: Factory) -> Shelf:
    """Holds on workflow versions and on executions, many of them placed at the same moment."""
    workflow = await make.workflow()
    keys = [*await make.workflows([{}] * 5), *await make.executions(NUMBER - 5, workflow)]
    places, mine = {}, set()
    for number, key in enumerate(keys):
        at, by = NOW + timedelta(seconds=number % 3), f"auditor {number % 2}"
        kind = Subject.WORKFLOW if number < 5 else Subject.EXECUTION
        await make.hold(key, kind, placed_by=by, placed_at=at)
        public = encode(Kind.HOLD, key)
        places[public] = {"PLACED_AT": (at, key)}
        mine |= {public} if by == "auditor 1" else set()

    async def grow(random: Random) -> None:
        at = NOW + timedelta(seconds=random.randrange(3))
        await make.hold(await make.execution(workflow), placed_by="auditor 1", placed_at=at)

    narrowed = [(None, set(places)), ({"placedBy": "auditor 1"}, mine)]
    return Shelf(Listing("holds", "Hold"), places, narrowed, grow)


@pytest_asyncio.fixture(params=[executions, steps, logs, holds])
async def shelf(request: pytest.FixtureRequest, make: Factory) -> AsyncIterator[Shelf]:
    """One list after the other."""
    yield await request.param(make)


async def walk(
    client: Client, shelf: Shelf, asked: dict[str, Any], size: int, random: Random | None = None
) -> list[str]:
    """Every page from the start, `size` rows each; with `random`, rows are added after some of them."""
    found: list[str] = []
    page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        answer = await shelf.listing.read(client, first=size, after=page["endCursor"], **asked)
        found, page = found + [edge["node"]["id"] for edge in answer["edges"]], answer["pageInfo"]
        if random is not None and len(found) < NUMBER:
            await shelf.grow(random)
    return found


async def walk_back(client: Client, shelf: Shelf, asked: dict[str, Any], size: int) -> list[str]:
    """Every page from the end."""
    found: list[str] = []
    page: dict[str, Any] = {"hasPreviousPage": True, "startCursor": None}
    while page["hasPreviousPage"]:
        answer = await shelf.listing.read(client, last=size, before=page["startCursor"], **asked)
        found, page = [edge["node"]["id"] for edge in answer["edges"]] + found, answer["pageInfo"]
    return found


@modest
@given(data=st.data(), size=st.integers(1, NUMBER + 1))
async def test_pages_hold_every_row_once_in_order(
    client: Client, shelf: Shelf, data: st.DataObject, size: int
) -> None:
    asked, rows = shelf.question(data)
    assert await walk(client, shelf, asked, size) == rows


@modest
@given(data=st.data(), size=st.integers(1, NUMBER + 1))
async def test_pages_backwards_hold_every_row_once_in_order(
    client: Client, shelf: Shelf, data: st.DataObject, size: int
) -> None:
    asked, rows = shelf.question(data)
    assert await walk_back(client, shelf, asked, size) == rows


@modest
@given(data=st.data(), size=st.integers(4, NUMBER), seed=st.integers(0, 99))
async def test_rows_that_come_meanwhile_neither_hide_nor_repeat_others(
    client: Client, shelf: Shelf, data: st.DataObject, size: int, seed: int
) -> None:
    asked, rows = shelf.question(data)
    found = await walk(client, shelf, asked, size, Random(seed))
    assert ([row for row in found if row in shelf.places], len(found)) == (rows, len(set(found)))


@modest
@given(data=st.data(), size=st.integers(0, NUMBER + 1), backward=st.booleans())
async def test_a_window_is_a_slice_of_the_list(
    client: Client, shelf: Shelf, data: st.DataObject, size: int, backward: bool
) -> None:
    asked, rows = shelf.question(data)
    cursors = [edge["cursor"] for edge in (await shelf.listing.read(client, **asked))["edges"]]
    places = st.none() | st.integers(0, len(rows) - 1)
    after, before = data.draw(places, "after"), data.draw(places, "before")
    asked |= {name: cursors[at] for name, at in (("after", after), ("before", before)) if at is not None}
    page = await shelf.listing.read(client, **{"last" if backward else "first": size, **asked})
    assert page == expected(rows, cursors, size, backward, after, before)


def expected(
    rows: list[str], cursors: list[str], size: int, backward: bool, after: int | None, before: int | None
) -> dict[str, Any]:
    """The page by the model: what lies between the cursors, and of that the first or last `size`."""
    inside = list(zip(cursors, rows, strict=True))
    inside = inside[0 if after is None else after + 1 : before]
    kept = inside[len(inside) - min(size, len(inside)) :] if backward else inside[:size]
    more = len(inside) > size
    return {
        "edges": [{"cursor": cursor, "node": {"id": row}} for cursor, row in kept],
        "pageInfo": {
            "hasNextPage": before is not None or (more and not backward),
            "hasPreviousPage": after is not None or (more and backward),
            "startCursor": kept[0][0] if kept else None,
            "endCursor": kept[-1][0] if kept else None,
        },
    }


@pytest.mark.parametrize("cap", [0, 1, NUMBER - 1, NUMBER, NUMBER + 1, 1_000_000_000])
async def test_a_count_goes_up_to_its_cap(client: Client, shelf: Shelf, cap: int) -> None:
    counted = f"totalCount(upTo: {cap}) totalCountIsExact(upTo: {cap})"
    answer = await shelf.listing.read(client, counted, first=1)
    assert answer == {"totalCount": min(cap, NUMBER), "totalCountIsExact": cap >= NUMBER}


async def test_a_count_is_of_the_filter(client: Client, shelf: Shelf) -> None:
    narrowed, among = shelf.filters[-1]
    answer = await shelf.listing.read(client, "totalCount", filter=narrowed, first=0)
    assert answer == {"totalCount": len(among)}


async def test_a_page_holds_fifty_unless_told(client: Client, make: Factory) -> None:
    await make.logs(execution := await make.execution(), 51)
    listing = Listing("logs", "Log", encode(Kind.EXECUTION, execution))
    assert len(await listing.ids(client)) == 50


@pytest.mark.parametrize("size", [500])
async def test_the_largest_page_is_given_whole(client: Client, make: Factory, size: int) -> None:
    await make.executions(size)
    assert len(await Listing("executions", "Execution").ids(client, first=size)) == size


async def test_a_page_of_logs_holds_up_to_a_thousand(client: Client, make: Factory) -> None:
    await make.logs(execution := await make.execution(), 1000)
    listing = Listing("logs", "Log", encode(Kind.EXECUTION, execution))
    assert len(await listing.ids(client, first=1000)) == 1000


async def test_by_duration_the_longest_of_those_that_ended_come_first(client: Client, make: Factory) -> None:
    workflow = await make.workflow()
    lengths = [timedelta(days=40), timedelta(microseconds=1), timedelta(hours=30), timedelta(0)]
    ended = [
        await make.execution(
            workflow, status=ExecutionStatus.COMPLETED, started_at=NOW - length, completed_at=NOW
        )
        for length in lengths
    ]
    going = await make.execution(
        workflow, status=ExecutionStatus.RUNNING, started_at=NOW - timedelta(days=90)
    )
    expected = [ended[0], ended[2], ended[1], ended[3], going]
    by = {"orderBy": {"field": "DURATION", "direction": "DESC"}}
    for listing in (
        Listing("executions", "Execution"),
        Listing("executions", "Execution", encode(Kind.WORKFLOW, workflow), "Workflow"),
    ):
        assert await listing.ids(client, **by) == [encode(Kind.EXECUTION, key) for key in expected]


@pytest.mark.parametrize(("descending", "nulls"), [(False, [2, 3]), (True, [0, 1])])
async def test_what_has_not_started_counts_as_later_than_everything(
    client: Client, make: Factory, descending: bool, nulls: list[int]
) -> None:
    workflow: UUID = await make.workflow()
    pending = await make.executions(2, workflow)
    await make.executions(2, workflow, status=ExecutionStatus.RUNNING)
    by = {"field": "STARTED_AT", "direction": "DESC" if descending else "ASC"}
    found = await Listing("executions", "Execution").ids(client, orderBy=by)
    assert {found[at] for at in nulls} == {encode(Kind.EXECUTION, key) for key in pending}
