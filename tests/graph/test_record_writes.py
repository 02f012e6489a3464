"""Logs and metrics: thousands in one call, numbered without gaps, of steps or of the execution itself."""

from typing import Any

import pytest

from db.engine import Database
from db.enums import StepStatus
from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import exec_id, read_events, read_logs
from tests.rows import everything, rows


def lines(number: int, **more: Any) -> list[dict[str, Any]]:
    """Log entries."""
    return [{"message": f"line {at}", **more} for at in range(1, number + 1)]


async def test_everything_that_was_given_is_kept(client: Client, make: Factory) -> None:
    execution = await make.execution()
    await make.steps(execution, key="a")
    entry = {
        "level": "ERROR",
        "message": "é\n",
        "fields": {"x": [1, None]},
        "loggedAt": "2026-01-01T00:00:00.123456Z",
    }
    await client.done("appendLogs", executionId=exec_id(execution), entries=[{**entry, "stepKey": "a"}])
    assert await read_logs(client, execution) == [{"seq": 1, **entry, "step": {"key": "a", "attempt": 1}}]


async def test_what_was_left_out_has_its_default(client: Client, make: Factory) -> None:
    execution = await make.execution()
    await client.done("appendLogs", executionId=exec_id(execution), entries=[{"message": ""}])
    (entry,) = await read_logs(client, execution)
    assert (entry["level"], entry["message"], entry["fields"], entry["step"]) == ("INFO", "", None, None)


async def test_5000_entries_in_one_call_are_numbered_without_gaps(
    client: Client, database: Database, make: Factory
) -> None:
    given = {"executionId": exec_id(await make.execution()), "entries": lines(5000)}
    answers = [await client.done("appendLogs", **given) for _ in range(2)]
    assert [(one["count"], one["firstSeq"], one["lastSeq"]) for one in answers] == [
        (5000, 1, 5000),
        (5000, 5001, 10_000),
    ]
    entries = await rows(database, "log_entries")
    assert [entry["seq"] for entry in entries] == list(range(1, 10_001))
    assert [entry["message"] for entry in entries] == [line["message"] for line in lines(5000)] * 2


async def test_an_entry_goes_to_the_last_attempt_at_its_step(client: Client, make: Factory) -> None:
    execution = await make.execution()
    await make.steps(execution, key="a", status=StepStatus.FAILED)
    await client.done("startStep", executionId=exec_id(execution), key="a")
    await client.done("appendLogs", executionId=exec_id(execution), entries=lines(1, stepKey="a"))
    assert (await read_logs(client, execution))[0]["step"] == {"key": "a", "attempt": 2}


@pytest.mark.parametrize("entries", [lines(1, stepKey="none"), [*lines(2), *lines(1, stepKey="none")]])
async def test_one_entry_of_a_step_that_never_was_refuses_all(
    client: Client, database: Database, make: Factory, entries: list[dict[str, Any]]
) -> None:
    execution = exec_id(await make.execution())
    before = await everything(database)
    answer = await client.write("appendLogs", executionId=execution, entries=entries)
    assert (answer["__typename"], await everything(database) == before) == ("NotFound", True)


@pytest.mark.parametrize(
    ("mutation", "nothing"), [("appendLogs", {"entries": []}), ("recordMetrics", {"values": {}})]
)
async def test_nothing_at_all_is_refused(
    client: Client, database: Database, make: Factory, mutation: str, nothing: dict[str, Any]
) -> None:
    execution = exec_id(await make.execution())
    before = await everything(database)
    answer = await client.write(mutation, executionId=execution, **nothing)
    assert (answer["__typename"], await everything(database) == before) == ("InvalidInput", True)


async def test_a_batch_of_entries_is_one_event(client: Client, make: Factory) -> None:
    execution = await make.execution()
    await client.done("appendLogs", executionId=exec_id(execution), entries=lines(3))
    assert [(event["type"], event["changes"]) for event in await read_events(client, execution)] == [
        ("LOGS_APPENDED", {"logs": {"count": 3, "firstSeq": 1, "lastSeq": 3}})
    ]


@pytest.mark.parametrize("value", [0, -1, 1.5, 2**53, 1e300, -0.0])
async def test_numbers_are_kept_as_floats(client: Client, make: Factory, value: float) -> None:
    given = {"executionId": exec_id(await make.execution()), "values": {"cpu": value}}
    assert (await client.done("recordMetrics", **given))["metrics"]["values"] == {"cpu": value}


async def test_the_last_number_of_a_name_counts(client: Client, make: Factory) -> None:
    execution = exec_id(await make.execution())
    for values in ({"cpu": 1, "mem": 2}, {"cpu": 3}):
        answer = await client.done("recordMetrics", executionId=execution, values=values)
    assert answer["metrics"]["values"] == {"cpu": 3, "mem": 2}


@pytest.mark.parametrize("value", ["1", None, True, [1], {"x": 1}])
async def test_what_is_no_number_is_refused(
    client: Client, database: Database, make: Factory, value: Any
) -> None:
    execution = exec_id(await make.execution())
    before = await everything(database)
    answer = await client.write("recordMetrics", executionId=execution, values={"good": 1, "bad": value})
    assert (answer["__typename"], await everything(database) == before) == ("InvalidInput", True)


@pytest.mark.parametrize("name", ["", "x" * 201])
async def test_a_metric_has_a_name(client: Client, make: Factory, name: str) -> None:
    answer = await client.write(
        "recordMetrics", executionId=exec_id(await make.execution()), values={name: 1}
    )
    assert answer["__typename"] == "InvalidInput"


async def test_numbers_of_a_step_belong_to_its_last_attempt(
    client: Client, database: Database, make: Factory
) -> None:
    execution = await make.execution()
    for seq in (1, 2):
        await make.steps(execution, start=seq, key="a", attempt=seq, status=StepStatus.FAILED)
    await client.done(
        "recordMetrics", executionId=exec_id(execution), stepKey="a", values={"cpu": 1, "mem": 2}
    )
    points = [
        (point["seq"], point["step_seq"], point["name"]) for point in await rows(database, "metric_points")
    ]
    assert points == [(1, 2, "cpu"), (2, 2, "mem")]


async def test_numbers_of_a_step_that_never_was_are_refused(client: Client, make: Factory) -> None:
    given = {"executionId": exec_id(await make.execution()), "stepKey": "none", "values": {"cpu": 1}}
    assert (await client.write("recordMetrics", **given))["__typename"] == "NotFound"
