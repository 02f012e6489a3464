"""Numbers about an execution: what the server derives, and what its engine reported."""

from collections.abc import Sequence
from datetime import timedelta

import strawberry

from db.enums import Ending
from db.queries import executions
from db.queries.pages import Row
from db.queries.sources import POINTS_OF_EXECUTION
from graph.api.records.filters import METRICS_LISTED
from graph.api.records.types import MetricPoint
from graph.api.shares import share
from graph.connections import connection
from graph.context import Info
from graph.enums import StepStatus
from graph.scalars import JSONObject, Long


@strawberry.type(description="How many attempts have a status.")
class StepStatusCount:
    """One bar of the chart."""

    status: StepStatus = strawberry.field(description="The status.")
    count: Long = strawberry.field(description="How many attempts have it.")


@strawberry.type(description="Numbers about an execution.")
class ExecutionMetrics:
    """A row of derived numbers beside the execution's own row."""

    row: strawberry.Private[Row]
    derived: strawberry.Private[Row]

    @strawberry.field(description="How many different steps were recorded.")
    def steps(self) -> Long:
        return Long(self.derived["steps"])

    @strawberry.field(description="How many attempts were made, retries included.")
    def attempts(self) -> Long:
        return Long(self.derived["attempts"])

    @strawberry.field(description="How many of the attempts were retries.")
    def retries(self) -> Long:
        """The difference of the two."""
        return Long(self.derived["retries"])

    @strawberry.field(description="The attempts by status; only statuses that occur.")
    def steps_by_status(self) -> list[StepStatusCount]:
        return self._counts("")

    @strawberry.field(description="The steps by the status of their last attempt; only statuses that occur.")
    def latest_by_status(self) -> list[StepStatusCount]:
        return self._counts("last_")

    @strawberry.field(
        description="The share of ended attempts that failed or timed out; null before any ended."
    )
    def error_rate(self) -> float | None:
        """0 to 1; skipped and cancelled attempts count on neither side."""
        return share(self.derived, StepStatus, Ending.BADLY)

    @strawberry.field(description="From the execution's start to its end; null until both are known.")
    def duration(self) -> timedelta | None:
        started, completed = self.row["started_at"], self.row["completed_at"]
        return completed - started if started and completed else None

    @strawberry.field(description="From the execution's creation to its start; null before it started.")
    def queue_wait(self) -> timedelta | None:
        """How long it waited for an engine."""
        started = self.row["started_at"]
        return started - self.row["created_at"] if started else None

    @strawberry.field(
        description="The attempts' durations added up: over the duration, work went in parallel."
    )
    def busy_time(self) -> timedelta | None:
        """Null before any attempt ended."""
        seconds = self.derived["busy_seconds"]
        return None if seconds is None else timedelta(seconds=seconds)

    @strawberry.field(
        description="The last value of each number that the engine reported of the execution itself."
    )
    def values(self) -> JSONObject:
        return JSONObject(self.derived["reported"])

    points = connection(
        POINTS_OF_EXECUTION,
        MetricPoint,
        METRICS_LISTED,
        ("id",),
        "Every number that the engine reported.",
    )

    def _counts(self, prefix: str) -> list[StepStatusCount]:
        counts = ((status, self.derived[f"{prefix}{status.lower()}"]) for status in StepStatus)
        return [StepStatusCount(status=status, count=count) for status, count in counts if count]


# What is shown of the execution's own row.
METRICS_COLUMNS = ("id", "created_at", "started_at", "completed_at")


async def load_metrics(info: Info, rows: Sequence[Row]) -> list[ExecutionMetrics]:
    """The numbers of executions, from one statement."""
    derived = await info.context.loaders.batch(executions.fetch_metrics, [row["id"] for row in rows])
    return [ExecutionMetrics(row=row, derived=own) for row, own in zip(rows, derived, strict=True)]
