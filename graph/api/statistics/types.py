"""Numbers over many executions and over their steps."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Self
from uuid import UUID

import strawberry

from db.enums import TERMINAL_EXECUTION, Ending
from db.queries.pages import Row
from db.queries.sources import WORKFLOWS
from db.queries.statistics import TimeSpan
from graph.api.records.metrics import StepStatusCount
from graph.api.shares import share
from graph.api.statistics.filters import Bucket, GroupBy, Which, grouping, window
from graph.context import Info
from graph.enums import Environment, ExecutionStatus, StepStatus, TriggerType
from graph.keys import StatsKey
from graph.loaded import loaded
from graph.scalars import Long

if TYPE_CHECKING:
    from graph.api.workflows.types import Workflow

_WORKFLOW = Annotated["Workflow", strawberry.lazy("graph.api.workflows.types")]
_HOUR = timedelta(hours=1)


def _length(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


@strawberry.type(description="How lengths of time are spread; null where there is none.")
class DurationStats:
    """Percentiles interpolate between the two nearest."""

    min: timedelta | None = strawberry.field(description="The shortest.")
    avg: timedelta | None = strawberry.field(description="The mean.")
    p50: timedelta | None = strawberry.field(description="The median.")
    p95: timedelta | None = strawberry.field(description="95 in 100 are no longer.")
    p99: timedelta | None = strawberry.field(description="99 in 100 are no longer.")
    max: timedelta | None = strawberry.field(description="The longest.")

    @classmethod
    def of(cls, row: Row, name: str) -> Self:
        """The numbers of one kind in a row."""
        p50, p95, p99 = row[f"{name}_percentiles"] or (None, None, None)
        least, mean, most = (row[f"{name}_{part}"] for part in ("min", "avg", "max"))
        return cls(
            min=_length(least),
            avg=_length(mean),
            p50=_length(p50),
            p95=_length(p95),
            p99=_length(p99),
            max=_length(most),
        )


@strawberry.type(description="How many executions have a status.")
class ExecutionStatusCount:
    """One bar of the chart."""

    status: ExecutionStatus = strawberry.field(description="The status.")
    count: Long = strawberry.field(description="How many executions have it.")


async def _workflows(info: Info, groups: Sequence["ExecutionStats"]) -> list[Row | None]:
    keys = [group.row.get("workflow_id") for group in groups]
    found = iter(
        await info.context.loaders.fetch_rows(WORKFLOWS, [(key,) for key in keys if key is not None])
    )
    return [None if key is None else next(found) for key in keys]


async def _retries(info: Info, groups: Sequence["ExecutionStats"]) -> list[Long]:
    """Reads the steps: a statement of its own, for all groups."""
    keys = list(dict.fromkeys(group.key for group in groups))
    found = dict(zip(keys, await info.context.loaders.retries(keys), strict=True))

    def own(group: "ExecutionStats") -> Long:
        return Long(found[group.key].get(tuple(group.row[name] for name in group.key.grouping.names), 0))

    return list(map(own, groups))


@strawberry.type(description="Executions that have something in common, in numbers.")
class ExecutionStats:
    """A row of numbers; what was not grouped by is null."""

    row: strawberry.Private[Row]
    key: strawberry.Private[StatsKey]
    span: strawberry.Private[TimeSpan]

    name: str | None = strawberry.field(description="The workflow's name; with WORKFLOW or VERSION.")
    version: str | None = strawberry.field(description="The workflow's version; with VERSION.")
    status: ExecutionStatus | None = strawberry.field(description="The status; with STATUS.")
    trigger_type: TriggerType | None = strawberry.field(description="What set them off; with TRIGGER.")
    environment: Environment | None = strawberry.field(
        description="The workflow's environment; with ENVIRONMENT."
    )
    tag: str | None = strawberry.field(description="The tag; with TAG.")
    bucket: datetime | None = strawberry.field(
        description="The beginning of the time in which they were created; with DAY, HOUR or `bucket`."
    )

    @classmethod
    def of(cls, row: Row, key: StatsKey, span: TimeSpan) -> Self:
        """The group that a row tells of."""
        names = ("name", "version", "status", "trigger_type", "environment", "tag", "bucket")
        return cls(row=row, key=key, span=span, **{name: row.get(name) for name in names})

    workflow = loaded(_workflows, _WORKFLOW | None, "The workflow version; with VERSION.", source=WORKFLOWS)

    @strawberry.field(description="How many there are.")
    def count(self) -> Long:
        return Long(self.row["count"])

    @strawberry.field(description="How many have each status; only statuses that occur.")
    def count_by_status(self) -> list[ExecutionStatusCount]:
        counts = ((status, self.row[status.lower()]) for status in ExecutionStatus)
        return [ExecutionStatusCount(status=status, count=count) for status, count in counts if count]

    @strawberry.field(
        description="The share that was COMPLETED of those that were that, FAILED or TIMED_OUT; "
        "null before any was."
    )
    def success_rate(self) -> float | None:
        """0 to 1; those cancelled count on neither side."""
        return share(self.row, ExecutionStatus, Ending.WELL)

    @strawberry.field(description="The rest to 1: the share that FAILED or TIMED_OUT.")
    def failure_rate(self) -> float | None:
        return share(self.row, ExecutionStatus, Ending.BADLY)

    @strawberry.field(description="How long those that were COMPLETED took, from their start to their end.")
    def duration(self) -> DurationStats:
        return DurationStats.of(self.row, "duration")

    @strawberry.field(description="How long those that have started waited for it, from their creation.")
    def queue_wait(self) -> DurationStats:
        return DurationStats.of(self.row, "wait")

    @strawberry.field(
        description="How many ended, in whatever way, for each hour of the window, or of the bucket's part."
    )
    def throughput(self) -> float:
        """0 for a window without length."""
        length = self._part()
        ended: int = sum(self.row[status.lower()] for status in TERMINAL_EXECUTION)
        return ended / (length / _HOUR) if length > timedelta(0) else 0.0

    retries = loaded(_retries, Long, "How many attempts at their steps were retries.")

    def _part(self) -> timedelta:
        start, length = self.bucket, self.key.grouping.bucket
        if start is None or length is None:
            return self.span.end - self.span.start
        return min(self.span.end, start + length) - max(self.span.start, start)


@strawberry.type(description="Executions in numbers, and the window of time that the numbers cover.")
class ExecutionStatistics:
    """Groups in the order of what they are grouped by."""

    start: datetime = strawberry.field(name="from", description="Executions created from here on.")
    end: datetime = strawberry.field(name="to", description="Executions created up to here.")
    groups: list[ExecutionStats] = strawberry.field(
        description="The groups, ordered by what they are grouped by; those of no executions are left out."
    )


async def execution_statistics(
    info: Info, workflows: Sequence[UUID | None], filter: Which, group_by: GroupBy, bucket: Bucket
) -> list[ExecutionStatistics]:
    """The numbers of each workflow's executions, or of all for None."""
    narrowed, span = await window(info, filter)
    grouped = grouping(group_by, bucket)
    keys = [StatsKey(grouped, narrowed, workflow) for workflow in workflows]

    def shown(key: StatsKey, rows: Sequence[Row]) -> ExecutionStatistics:
        groups = [ExecutionStats.of(row, key, span) for row in rows]
        return ExecutionStatistics(start=span.start, end=span.end, groups=groups)

    found = await info.context.loaders.execution_stats.load_many(keys)
    return list(map(shown, keys, found))


@strawberry.type(description="A step in numbers, over all its attempts in the executions asked for.")
class StepStats:
    row: strawberry.Private[Row]

    @strawberry.field(description="The workflow's name.")
    def name(self) -> str:
        return str(self.row["name"])

    @strawberry.field(description="The step's key.")
    def key(self) -> str:
        return str(self.row["key"])

    @strawberry.field(description="In how many executions it occurs.")
    def executions(self) -> Long:
        return Long(self.row["executions"])

    @strawberry.field(description="How many attempts were made, retries included.")
    def attempts(self) -> Long:
        return Long(self.row["attempts"])

    @strawberry.field(description="How many of the attempts were retries.")
    def retries(self) -> Long:
        return Long(self.row["retries"])

    @strawberry.field(description="The attempts by status; only statuses that occur.")
    def count_by_status(self) -> list[StepStatusCount]:
        counts = ((status, self.row[status.lower()]) for status in StepStatus)
        return [StepStatusCount(status=status, count=count) for status, count in counts if count]

    @strawberry.field(
        description="The share of attempts that FAILED or TIMED_OUT of those that did, or were COMPLETED; "
        "null before any was."
    )
    def failure_rate(self) -> float | None:
        """0 to 1; skipped and cancelled attempts count on neither side."""
        return share(self.row, StepStatus, Ending.BADLY)

    @strawberry.field(description="How long the attempts took that were COMPLETED.")
    def duration(self) -> DurationStats:
        return DurationStats.of(self.row, "duration")

    @strawberry.field(description="The durations of all attempts that ended, added up; null before any did.")
    def busy_time(self) -> timedelta | None:
        return _length(self.row["busy"])


@strawberry.type(description="Steps in numbers, and the window of time that the numbers cover.")
class StepStatistics:
    """Steps in the order that was asked for."""

    start: datetime = strawberry.field(name="from", description="Executions created from here on.")
    end: datetime = strawberry.field(name="to", description="Executions created up to here.")
    groups: list[StepStats] = strawberry.field(description="A group for each workflow's name and step's key.")
    has_more: bool = strawberry.field(description="Whether there are more groups than were asked for.")
