"""Moments at the ends of the calendar are like all others: read as they were given, ordered and compared."""

from typing import Any
from uuid import UUID

import pytest

from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import exec_id

ENDS = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"]
INNER = ["0001-01-01T00:00:00.000001Z", "9999-12-31T23:59:59.999998Z"]
MOMENTS = [ENDS[0], *INNER, ENDS[1]]
LOGS = """query ($id: ID!, $filter: LogFilter, $order: LogOrder, $first: Int, $after: String) {
    execution(id: $id) { logs(first: $first, after: $after, filter: $filter, orderBy: $order) {
        nodes { message loggedAt } pageInfo { endCursor hasNextPage } } } }"""


async def read(client: Client, execution: UUID, **asked: Any) -> Any:
    """A page of an execution's log."""
    return (await client.ask(LOGS, id=exec_id(execution), **asked))["execution"]["logs"]


async def logged(client: Client, make: Factory) -> UUID:
    """An execution that logged twice at each of the moments."""
    execution = await make.execution()
    entries = [{"message": moment, "loggedAt": moment} for moment in MOMENTS * 2]
    await client.done("appendLogs", executionId=exec_id(execution), entries=entries)
    return execution


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_log_entries_are_read_as_they_were_stamped_page_by_page(
    client: Client, make: Factory, direction: str
) -> None:
    execution, found, after = await logged(client, make), [], None
    order = {"field": "LOGGED_AT", "direction": direction}
    while (page := await read(client, execution, first=1, after=after, order=order))["nodes"]:
        found += [(entry["message"], entry["loggedAt"]) for entry in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    in_order = MOMENTS if direction == "ASC" else MOMENTS[::-1]
    assert found == [(moment, moment) for moment in in_order for _ in range(2)]


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ({"gte": ENDS[1]}, [ENDS[1]]),
        ({"lte": ENDS[0]}, [ENDS[0]]),
        ({"gt": ENDS[0]}, [INNER[0], INNER[1], ENDS[1]]),
        ({"lt": ENDS[1]}, [ENDS[0], INNER[0], INNER[1]]),
        ({"gte": ENDS[0], "lte": ENDS[1]}, MOMENTS),
        ({"gt": ENDS[0], "lt": ENDS[1]}, [INNER[0], INNER[1]]),
    ],
    ids=str,
)
async def test_bounds_are_met_exactly(
    client: Client, make: Factory, condition: dict[str, str], matches: list[str]
) -> None:
    page = await read(client, await logged(client, make), filter={"loggedAt": condition})
    assert {entry["loggedAt"] for entry in page["nodes"]} == set(matches)


async def test_a_commit_keeps_the_stamps_of_its_log(client: Client, make: Factory) -> None:
    execution = await make.execution(status="RUNNING")
    logs = [{"message": "m", "loggedAt": moment} for moment in ENDS]
    await client.done("commitStep", executionId=exec_id(execution), step={"key": "a"}, logs=logs)
    assert [entry["loggedAt"] for entry in (await read(client, execution))["nodes"]] == ENDS
