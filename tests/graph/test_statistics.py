"""Statistics of executions and steps, compared with numpy on the same rows."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pytest
import pytest_asyncio

from db.engine import Database
from db.enums import Environment, ExecutionStatus, StepStatus, TriggerType
from db.ids import uuid7
from db.importing.wfformat import parse_trace
from db.partitions import cover
from db.writes.imports import import_trace
from graph.ids import Kind, encode
from graph.scalars import parse_datetime, parse_duration
from tests.client import Client
from tests.conftest import Statements
from tests.factories import Factory
from tests.graph.test_real_data import TRACES
from tests.graph.test_types import iso
from tests.test_documents import README, ROOT

DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
SPREAD = "{ min avg p50 p95 p99 max }"
NUMBERS = f"""count countByStatus {{ status count }} successRate failureRate retries throughput
    duration {SPREAD} queueWait {SPREAD}"""
KEYS = "name version status triggerType environment bucket workflow { id }"
STATS = f"""
query ($filter: ExecutionFilter, $groupBy: [ExecutionStatsGroup!], $bucket: Duration) {{
  executionStats(filter: $filter, groupBy: $groupBy, bucket: $bucket) {{
    from to groups {{ {KEYS} {NUMBERS} }}
  }}
}}
"""
STEP_NUMBERS = f"""name key executions attempts retries countByStatus {{ status count }} failureRate busyTime
    duration {SPREAD}"""
STEP_STATS = f"""
query (
  $filter: ExecutionFilter, $stepFilter: StepFilter, $orderBy: StepStatsOrder! = SLOWEST, $first: Int! = 50
) {{
  stepStats(filter: $filter, stepFilter: $stepFilter, orderBy: $orderBy, first: $first) {{
    from to hasMore groups {{ {STEP_NUMBERS} }}
  }}
}}
"""
RUNS = 400
UNENDED = (ExecutionStatus.PENDING, ExecutionStatus.RUNNING, ExecutionStatus.PAUSED)
BAD = (ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT)
Run = dict[str, Any]


@pytest_asyncio.fixture(autouse=True)
async def past(database: Database) -> None:
    """Partitions for executions of the last months."""
    await cover(database, [DAY - timedelta(days=days) for days in range(0, 60, 7)])


def run(random: Random) -> Run:
    """An execution of the three days from DAY on, with whatever status and lengths of time."""
    key = uuid7(DAY + timedelta(seconds=random.uniform(0, 3 * 86_400 - 1)))
    status = random.choice(list(ExecutionStatus))
    created = DAY + timedelta(milliseconds=((key.int >> 80) - int(DAY.timestamp() * 1000)))
    started = None if status == "PENDING" else created + timedelta(seconds=random.expovariate(0.2))
    ended = (
        None if started is None or status in UNENDED else started + timedelta(seconds=random.paretovariate(1))
    )
    trigger = random.choice(list(TriggerType))
    return {"id": key, "status": status, "trigger_type": trigger, "created_at": created} | {
        "started_at": started,
        "completed_at": ended,
    }


@pytest.fixture
def runs() -> list[Run]:
    """Executions that differ in everything that is counted."""
    random = Random(7)
    return [run(random) for _ in range(RUNS)]


def spread(lengths: Sequence[float]) -> dict[str, float | None]:
    """What numpy makes of lengths of time."""
    if not lengths:
        return dict.fromkeys(("min", "avg", "p50", "p95", "p99", "max"))
    p50, p95, p99 = np.percentile(lengths, [50, 95, 99])
    found = {"min": min(lengths), "avg": np.mean(lengths), "p50": p50, "p95": p95, "p99": p99}
    return {name: float(value) for name, value in {**found, "max": max(lengths)}.items()}


def seconds(shown: dict[str, str | None]) -> dict[str, float | None]:
    """Durations of an answer as numbers."""
    return {
        name: None if text is None else parse_duration(text).total_seconds() for name, text in shown.items()
    }


def assert_spread(shown: dict[str, str | None], lengths: Sequence[float]) -> None:
    """Durations of an answer are those of the lengths, to the microsecond."""
    wanted = spread(lengths)
    assert seconds(shown) == {
        name: None if value is None else pytest.approx(value, abs=2e-6, rel=0)
        for name, value in wanted.items()
    }


def assert_group(group: dict[str, Any], rows: Sequence[Run], hours: float) -> None:
    """A group's numbers are those of the rows."""
    by_status = [(status, sum(row["status"] == status for row in rows)) for status in ExecutionStatus]
    assert group["count"] == len(rows)
    assert group["countByStatus"] == [{"status": name, "count": n} for name, n in by_status if n]
    bad = sum(row["status"] in BAD for row in rows)
    done = [row for row in rows if row["status"] == "COMPLETED"]
    known = bad + len(done)
    assert group["successRate"] == (pytest.approx(len(done) / known) if known else None)
    assert group["failureRate"] == (pytest.approx(bad / known) if known else None)
    ended = sum(row["completed_at"] is not None for row in rows)
    assert group["throughput"] == pytest.approx(ended / hours)
    assert_spread(
        group["duration"], [(row["completed_at"] - row["started_at"]).total_seconds() for row in done]
    )
    started = [row for row in rows if row["started_at"]]
    assert_spread(
        group["queueWait"], [(row["started_at"] - row["created_at"]).total_seconds() for row in started]
    )


def within(start: datetime, end: datetime) -> dict[str, Any]:
    """A filter by creation."""
    return {"createdAt": {"gte": iso(start), "lt": iso(end)}}


THREE_DAYS = within(DAY, DAY + timedelta(days=3))


async def stats(client: Client, *by: str, **arguments: Any) -> list[dict[str, Any]]:
    """The groups of the three days."""
    arguments = {"filter": THREE_DAYS, "groupBy": list(by), **arguments}
    groups: list[dict[str, Any]] = (await client.ask(STATS, **arguments))["executionStats"]["groups"]
    return groups


async def test_a_tag_counts_once_however_often_it_is_there(client: Client, make: Factory) -> None:
    await make.runs([{"tags": ["a", "b", "a"]}, {"tags": ["a"]}, {"tags": []}])
    document = "{ executionStats(groupBy: [TAG]) { groups { tag count } } }"
    groups = (await client.ask(document))["executionStats"]["groups"]
    assert groups == [{"tag": "a", "count": 2}, {"tag": "b", "count": 1}]


async def test_all_executions_are_one_group_by_default(
    client: Client, make: Factory, runs: list[Run]
) -> None:
    await make.runs(runs)
    (group,) = await stats(client)
    assert_group(group, runs, hours=72)


GROUPED: dict[str, tuple[str, Callable[[Run], Any], float]] = {
    "STATUS": ("status", lambda row: str(row["status"]), 72),
    "TRIGGER": ("triggerType", lambda row: str(row["trigger_type"]), 72),
    "DAY": (
        "bucket",
        lambda row: iso(row["created_at"].replace(hour=0, minute=0, second=0, microsecond=0)),
        24,
    ),
    "HOUR": ("bucket", lambda row: iso(row["created_at"].replace(minute=0, second=0, microsecond=0)), 1),
}


@pytest.mark.parametrize("by", GROUPED)
async def test_executions_are_grouped_by_what_they_have_in_common(
    client: Client, make: Factory, runs: list[Run], by: str
) -> None:
    await make.runs(runs)
    name, key, hours = GROUPED[by]
    groups = await stats(client, by)
    assert [group[name] for group in groups] == sorted({key(row) for row in runs})
    for group in groups:
        assert_group(group, [row for row in runs if key(row) == group[name]], hours)


async def test_versions_names_and_environments_are_those_of_the_workflow(
    client: Client, make: Factory
) -> None:
    keys = await make.workflows(
        [
            {"name": name, "version": version, "environment": environment}
            for name, version, environment in (
                ("etl", "1", Environment.STAGING),
                ("etl", "2", Environment.PRODUCTION),
                ("a", "1", Environment.PRODUCTION),
            )
        ]
    )
    for at, workflow in enumerate(keys, 1):
        await make.executions(at, workflow)
    found = [
        [
            (group["name"], group["version"], group["workflow"], group["environment"], group["count"])
            for group in groups
        ]
        for groups in [await stats(client, by, filter=None) for by in ("WORKFLOW", "VERSION", "ENVIRONMENT")]
    ]
    ids = [{"id": encode(Kind.WORKFLOW, key)} for key in keys]
    assert found == [
        [("a", None, None, None, 3), ("etl", None, None, None, 3)],
        [("a", "1", ids[2], None, 3), ("etl", "1", ids[0], None, 1), ("etl", "2", ids[1], None, 2)],
        [(None, None, None, "PRODUCTION", 5), (None, None, None, "STAGING", 1)],
    ]


async def test_groups_of_groups_come_in_the_order_asked_for(
    client: Client, make: Factory, runs: list[Run]
) -> None:
    await make.runs(runs)
    found = [(group["status"], group["bucket"]) for group in await stats(client, "STATUS", "DAY")]
    days = [iso(DAY + timedelta(days=at)) for at in range(3)]
    assert found == [(status, day) for status in sorted(ExecutionStatus) for day in days]


async def test_a_bucket_can_have_any_length(client: Client, make: Factory, runs: list[Run]) -> None:
    await make.runs(runs)
    groups = await stats(client, bucket="PT6H")
    assert [group["bucket"] for group in groups] == [iso(DAY + timedelta(hours=6 * at)) for at in range(12)]
    assert sum(group["count"] for group in groups) == RUNS


@pytest.mark.parametrize(
    "arguments",
    [
        {"groupBy": ["DAY", "HOUR"]},
        {"groupBy": ["DAY"], "bucket": "PT1H"},
        {"bucket": "PT59S"},
        {"bucket": "-P1D"},
    ],
    ids=str,
)
async def test_what_can_not_be_grouped_by_is_bad_input(client: Client, arguments: dict[str, Any]) -> None:
    assert (await client.refused(STATS, **arguments))[0] == "BAD_USER_INPUT"


async def test_too_many_groups_are_refused(client: Client, make: Factory) -> None:
    await make.runs([{"id": uuid7(DAY + timedelta(minutes=at))} for at in range(1001)])
    code, message = await client.refused(STATS, bucket="PT1M")
    assert (code, "1000 groups" in message) == ("TOO_COMPLEX", True)


async def test_without_a_beginning_the_last_30_days_are_covered(client: Client, make: Factory) -> None:
    now = datetime.now(UTC)
    await make.runs([{"id": uuid7(now - timedelta(days=days))} for days in (0, 29, 31)])
    found = (await client.ask(STATS))["executionStats"]
    start, end = (parse_datetime(found[name]) for name in ("from", "to"))
    assert (found["groups"][0]["count"], end - start) == (2, timedelta(days=30))
    assert abs(end - now) < timedelta(minutes=1)


async def test_30_days_before_an_end_are_covered(client: Client, make: Factory) -> None:
    await make.runs([{"id": uuid7(DAY - timedelta(days=days))} for days in (0, 1, 29, 31)])
    found = (await client.ask(STATS, filter={"createdAt": {"lt": iso(DAY)}}))["executionStats"]
    assert (found["from"], found["to"]) == (iso(DAY - timedelta(days=30)), iso(DAY))
    assert found["groups"][0]["count"] == 2


async def test_what_is_given_is_what_is_covered(client: Client, make: Factory, runs: list[Run]) -> None:
    await make.runs(runs)
    first, last = DAY + timedelta(hours=7, microseconds=1), DAY + timedelta(hours=31.5)
    found = (await client.ask(STATS, filter=within(first, last)))["executionStats"]
    assert (found["from"], found["to"]) == (iso(first), iso(last))
    assert_group(found["groups"][0], [row for row in runs if first <= row["created_at"] < last], hours=24.5)


async def test_the_earliest_end_there_can_be_is_fine(client: Client) -> None:
    end = {"createdAt": {"lt": "0001-01-02T00:00:00Z"}}
    assert (await client.ask(STATS, filter=end))["executionStats"]["from"] == "0001-01-01T00:00:00Z"


async def test_all_of_time_can_be_covered(client: Client, make: Factory) -> None:
    await make.runs([{"id": uuid7(DAY)}])
    ends = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z")
    found = (await client.ask(STATS, filter={"createdAt": {"gte": ends[0], "lte": ends[1]}}))[
        "executionStats"
    ]
    assert (found["from"], found["to"], found["groups"][0]["count"]) == (*ends, 1)


async def test_of_nothing_there_is_one_group_without_numbers(client: Client) -> None:
    (group,) = await stats(client)
    assert_group(group, [], hours=72)
    assert (group["retries"], await stats(client, "WORKFLOW")) == (0, [])


async def test_the_filter_is_the_one_of_the_list(client: Client, make: Factory, runs: list[Run]) -> None:
    await make.runs(runs)
    narrowed = {"status": ["FAILED"], "triggerType": ["API", "EVENT"], **THREE_DAYS}
    chosen = [row for row in runs if row["status"] == "FAILED" and row["trigger_type"] in ("API", "EVENT")]
    (group,) = await stats(client, filter=narrowed)
    assert_group(group, chosen, hours=72)


async def test_retries_are_counted_in_their_groups(client: Client, make: Factory) -> None:
    for name, attempts in (("a", (1, 2, 3)), ("b", (1,)), ("c", (1, 2))):
        execution = await make.execution(await make.workflow(name=name))
        await make.records(execution, steps=[{"seq": at, "key": "s", "attempt": at} for at in attempts])
    found = await stats(client, "WORKFLOW", filter=None)
    assert [(group["name"], group["retries"]) for group in found] == [("a", 2), ("b", 0), ("c", 1)]


@pytest.mark.parametrize(("more", "taken"), [("", 1), ("retries", 2), ("retries workflow { id }", 3)])
async def test_statistics_take_a_statement_and_what_more_is_selected(
    client: Client, make: Factory, statements: Statements, more: str, taken: int
) -> None:
    await make.executions(3)
    await statements.clear()
    await client.ask(f"{{ executionStats(groupBy: [VERSION, DAY]) {{ groups {{ count name {more} }} }} }}")
    assert len(statements) == taken, statements.seen


@pytest.mark.parametrize("field", ["stepStats", "errorGroups"])
async def test_steps_and_errors_take_a_statement_each(
    client: Client, make: Factory, statements: Statements, field: str
) -> None:
    await make.records(await make.execution(), steps=ATTEMPTS)
    await statements.clear()
    await client.ask(f"{{ {field} {{ groups {{ executions }} hasMore }} }}")
    assert len(statements) == 1, statements.seen


WORKFLOWS_STATS = f"""
query ($n: Int!, $filter: ExecutionFilter, $groupBy: [ExecutionStatsGroup!]) {{
  workflows(first: $n) {{ nodes {{
    id stats(filter: $filter, groupBy: $groupBy) {{ groups {{ {KEYS} {NUMBERS} }} }}
  }} }}
}}
"""


async def test_a_workflow_has_the_numbers_of_its_own(client: Client, make: Factory, runs: list[Run]) -> None:
    first, second, idle = [await make.workflow() for _ in range(3)]
    own = {first: runs[:150], second: runs[150:], idle: []}
    for workflow in (first, second):
        await make.runs(own[workflow], workflow)
    nodes = (await client.ask(WORKFLOWS_STATS, n=3, filter=THREE_DAYS))["workflows"]["nodes"]
    assert len(nodes) == 3
    for node in nodes:
        assert_group(node["stats"]["groups"][0], own[UUID(node["id"][3:])], hours=72)


@pytest.mark.parametrize("rows", [3, 100])
async def test_the_numbers_of_all_workflows_are_one_statement(
    client: Client, make: Factory, statements: Statements, rows: int
) -> None:
    for workflow in await make.workflows([{"version": "1"}] * rows):
        await make.executions(2, workflow)
    await statements.clear()
    await client.ask(WORKFLOWS_STATS, n=rows, groupBy=["STATUS", "DAY"])
    assert len(statements) == 3, statements.seen  # the list, the numbers, the retries


def step(seq: int, key: str, status: StepStatus, length: float | None, attempt: int = 1) -> dict[str, Any]:
    """An attempt that took so long."""
    ended = None if length is None else DAY + timedelta(seconds=length)
    return {"seq": seq, "key": key, "attempt": attempt, "status": status} | {
        "started_at": None if status is StepStatus.PENDING else DAY,
        "completed_at": ended,
    }


ATTEMPTS = [
    step(1, "slow", StepStatus.COMPLETED, 100),
    step(2, "flaky", StepStatus.FAILED, 1),
    step(3, "flaky", StepStatus.TIMED_OUT, 2, attempt=2),
    step(4, "flaky", StepStatus.COMPLETED, 3, attempt=3),
    step(5, "quick", StepStatus.COMPLETED, 0.5),
    step(6, "waiting", StepStatus.PENDING, None),
    step(7, "busy", StepStatus.CANCELLED, 1000),
]


async def test_steps_have_their_numbers(client: Client, make: Factory) -> None:
    workflow = await make.workflow(name="etl")
    for execution in await make.executions(2, workflow):
        await make.records(execution, steps=ATTEMPTS)
    groups = (await client.ask(STEP_STATS))["stepStats"]["groups"]
    assert [group["key"] for group in groups] == ["slow", "flaky", "quick", "busy", "waiting"]
    assert groups[1] == {
        "name": "etl",
        "key": "flaky",
        "executions": 2,
        "attempts": 6,
        "retries": 4,
        "countByStatus": [{"status": status, "count": 2} for status in ("COMPLETED", "FAILED", "TIMED_OUT")],
        "failureRate": pytest.approx(2 / 3),
        "busyTime": "PT12S",
        "duration": dict.fromkeys(("min", "avg", "p50", "p95", "p99", "max"), "PT3S"),
    }


@pytest.mark.parametrize(
    ("order", "keys"),
    [
        ("SLOWEST", ["slow", "flaky"]),
        ("FLAKIEST", ["flaky", "quick"]),
        ("MOST_RETRIED", ["flaky", "busy"]),
        ("MOST_TIME", ["busy", "slow"]),
        ("MOST_ATTEMPTS", ["flaky", "busy"]),
    ],
)
async def test_steps_come_in_the_order_asked_for(
    client: Client, make: Factory, order: str, keys: list[str]
) -> None:
    await make.records(await make.execution(), steps=ATTEMPTS)
    found = (await client.ask(STEP_STATS, orderBy=order, first=2))["stepStats"]
    assert ([group["key"] for group in found["groups"]], found["hasMore"]) == (keys, True)


async def test_steps_can_be_narrowed(client: Client, make: Factory) -> None:
    await make.records(await make.execution(), steps=ATTEMPTS)
    await make.records(await make.execution(status=ExecutionStatus.FAILED), steps=ATTEMPTS)
    narrowed: dict[str, Any] = {"filter": {"status": ["FAILED"]}, "stepFilter": {"keyStartsWith": "s"}}
    (group,) = (await client.ask(STEP_STATS, **narrowed))["stepStats"]["groups"]
    assert (group["key"], group["attempts"]) == ("slow", 1)


@pytest.mark.parametrize("field", ["stepStats", "errorGroups"])
@pytest.mark.parametrize("first", [-1, 501])
async def test_a_page_of_groups_has_its_limits(client: Client, field: str, first: int) -> None:
    refusal = await client.refused(f"{{ {field}(first: {first}) {{ hasMore }} }}")
    assert refusal[0] == "BAD_USER_INPUT"


@pytest.mark.parametrize("field", ["stepStats", "errorGroups"])
async def test_of_nothing_there_are_no_groups(client: Client, field: str) -> None:
    found = (await client.ask(f"{{ {field} {{ from to hasMore groups {{ executions }} }} }}"))[field]
    assert (found["groups"], found["hasMore"]) == ([], False)


@pytest.mark.skipif(not TRACES, reason="the real traces are not beside this checkout")
async def test_the_numbers_of_real_traces_are_numpys(client: Client, database: Database) -> None:
    traces = [parse_trace(path.read_bytes()) for path in TRACES]
    for trace in traces:
        await import_trace(database, trace, "test")
    async with database.reading() as connection:
        rows = [
            dict(row)
            for row in await connection.fetch(
                "SELECT e.*, w.name FROM executions e JOIN workflows w ON w.id = e.workflow_id"
            )
        ]
        steps = await connection.fetch(
            "SELECT w.name, s.key, s.status, date_part('epoch', s.completed_at - s.started_at) AS length "
            "FROM steps s JOIN executions e ON e.id = s.execution_id JOIN workflows w ON w.id = e.workflow_id"
        )
    since = datetime(2000, 1, 1, tzinfo=UTC)
    hours = (datetime.now(UTC) - since) / timedelta(hours=1)
    narrowed = within(since, since + timedelta(hours=hours))
    groups = await stats(client, "WORKFLOW", filter=narrowed)
    assert len(groups) == len({row["name"] for row in rows}) > 1
    for group in groups:
        assert_group(group, [row for row in rows if row["name"] == group["name"]], hours)
    found = (await client.ask(STEP_STATS, filter=narrowed, first=500))["stepStats"]["groups"]
    assert found
    for group in found:
        own = [row for row in steps if (row["name"], row["key"]) == (group["name"], group["key"])]
        assert group["attempts"] == len(own)
        assert_spread(group["duration"], [row["length"] for row in own if row["status"] == "COMPLETED"])


EXAMPLE = re.search(r"## Statistics\n.*?```graphql\n(.*?)```.*?```json\n(.*?)```", README, re.DOTALL)


async def test_the_readmes_question_has_its_answer(client: Client, database: Database) -> None:
    assert EXAMPLE is not None
    trace = parse_trace((ROOT / "examples" / "nightly-report.json").read_bytes())
    await import_trace(database, trace, "test")
    assert await client.send(EXAMPLE[1]) == orjson.loads(EXAMPLE[2])
