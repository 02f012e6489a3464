"""`executionStats`, `stepStats` and `errorGroups`."""

import strawberry

from graph.api.statistics.error_groups import ErrorGroup, ErrorGroups
from graph.api.statistics.filters import Bucket, GroupBy, Most, Order, Which, WhichSteps, limit, window
from graph.api.statistics.types import ExecutionStatistics, StepStatistics, StepStats, execution_statistics
from graph.api.steps.filters import STEPS_LISTED
from graph.arguments import DEFAULT_PAGE
from graph.auth.scopes import READ
from graph.context import Info
from graph.enums import StepStatsOrder
from graph.keys import ErrorsKey, StepStatsKey


@strawberry.type
class StatisticsQueries:
    @strawberry.field(
        description="Executions in numbers, in at most 1,000 groups; an error where there would be more.",
        directives=[READ],
    )
    async def execution_stats(
        self,
        info: Info,
        filter: Which = strawberry.UNSET,
        group_by: GroupBy = strawberry.UNSET,
        bucket: Bucket = strawberry.UNSET,
    ) -> ExecutionStatistics | None:
        (statistics,) = await execution_statistics(info, [None], filter, group_by, bucket)
        return statistics

    @strawberry.field(
        description="The steps of executions in numbers: the slowest, the flakiest.", directives=[READ]
    )
    async def step_stats(
        self,
        info: Info,
        filter: Which = strawberry.UNSET,
        step_filter: WhichSteps = strawberry.UNSET,
        order_by: Order = StepStatsOrder.SLOWEST,
        first: Most = DEFAULT_PAGE,
    ) -> StepStatistics | None:
        most = limit(first)
        narrowed, span = await window(info, filter)
        steps = await STEPS_LISTED.narrow(info, step_filter)
        key = StepStatsKey(narrowed, steps, order_by.value, most + 1)  # type: ignore[arg-type]
        rows = await info.context.loaders.step_stats.load(key)
        groups = [StepStats(row=row) for row in rows[:most]]
        return StepStatistics(start=span.start, end=span.end, groups=groups, has_more=len(rows) > most)

    @strawberry.field(
        description="The errors of executions and of their steps, by kind, the most frequent first.",
        directives=[READ],
    )
    async def error_groups(
        self, info: Info, filter: Which = strawberry.UNSET, first: Most = DEFAULT_PAGE
    ) -> ErrorGroups | None:
        most = limit(first)
        narrowed, span = await window(info, filter)
        rows = await info.context.loaders.error_groups.load(ErrorsKey(narrowed, most + 1))
        groups = [ErrorGroup.of(row) for row in rows[:most]]
        return ErrorGroups(start=span.start, end=span.end, groups=groups, has_more=len(rows) > most)
