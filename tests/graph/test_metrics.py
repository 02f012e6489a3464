"""What the server derives of an execution's steps, and what its engine reported."""

from datetime import UTC, datetime, timedelta
from typing import Any

from db.enums import ExecutionStatus, StepStatus
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory

AT = datetime(2026, 1, 15, 12, tzinfo=UTC)
METRICS = """
query ($id: ID!) { execution(id: $id) { metrics {
  steps attempts retries stepsByStatus { status count } latestByStatus { status count }
  errorRate duration queueWait busyTime values
  points { nodes { name value } }
} } }
"""


def attempt(seq: int, key: str, status: StepStatus, seconds: float | None) -> dict[str, Any]:
    """A step that took so long; None for one that has not ended."""
    started = None if status in (StepStatus.PENDING, StepStatus.SKIPPED) else AT
    ended = None if seconds is None else AT + timedelta(seconds=seconds)
    return {"seq": seq, "key": key, "attempt": seq, "status": status, "started_at": started} | {
        "completed_at": ended
    }


ATTEMPTS = [
    attempt(1, "a", StepStatus.FAILED, 1),
    attempt(2, "a", StepStatus.TIMED_OUT, 0.25),
    attempt(3, "a", StepStatus.COMPLETED, 2),
    attempt(4, "b", StepStatus.COMPLETED, 0.000001),
    attempt(5, "c", StepStatus.SKIPPED, 9),
    attempt(6, "d", StepStatus.RUNNING, None),
    attempt(7, "e", StepStatus.PENDING, None),
    attempt(8, "f", StepStatus.CANCELLED, 1),
    attempt(9, "g", StepStatus.RETRYING, None),
]
LATEST = [
    {"status": status, "count": 2 if status == "COMPLETED" else 1}
    for status in StepStatus
    if status not in ("FAILED", "TIMED_OUT")
]
POINTS: list[dict[str, Any]] = [
    {"seq": 1, "step_seq": None, "name": "cpu", "value": 0.5},
    {"seq": 2, "step_seq": None, "name": "memory", "value": 1e9},
    {"seq": 3, "step_seq": None, "name": "cpu", "value": 0.25},
    {"seq": 4, "step_seq": 1, "name": "cpu", "value": 0.75},
]


async def test_metrics_are_derived_of_the_steps(client: Client, make: Factory) -> None:
    execution = await make.execution(created_at=AT, started_at=AT + timedelta(seconds=5))
    await make.records(execution, steps=ATTEMPTS, points=POINTS)
    data = await client.ask(METRICS, id=encode(Kind.EXECUTION, execution))
    assert data["execution"]["metrics"] == {
        "steps": 7,
        "attempts": 9,
        "retries": 2,
        "stepsByStatus": [
            {"status": status.value, "count": 2 if status is StepStatus.COMPLETED else 1}
            for status in StepStatus
        ],
        "latestByStatus": LATEST,
        "errorRate": 0.5,
        "duration": None,
        "queueWait": "PT5S",
        "busyTime": "PT4.250001S",
        "values": {"cpu": 0.25, "memory": 1e9},
        "points": {"nodes": [{"name": point["name"], "value": point["value"]} for point in POINTS]},
    }


async def test_an_execution_without_steps_has_no_rates(client: Client, make: Factory) -> None:
    execution = await make.execution()
    data = await client.ask(METRICS, id=encode(Kind.EXECUTION, execution))
    counts = {"steps": 0, "attempts": 0, "retries": 0, "stepsByStatus": [], "latestByStatus": []}
    unknown = {"errorRate": None, "duration": None, "queueWait": None, "busyTime": None}
    assert data["execution"]["metrics"] == {**counts, **unknown, "values": {}, "points": {"nodes": []}}


async def test_a_duration_runs_from_start_to_end(client: Client, make: Factory) -> None:
    ended = AT + timedelta(minutes=90)
    execution = await make.execution(status=ExecutionStatus.COMPLETED, started_at=AT, completed_at=ended)
    data = await client.ask(METRICS, id=encode(Kind.EXECUTION, execution))
    assert data["execution"]["metrics"]["duration"] == "PT1H30M"
