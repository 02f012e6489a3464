"""What statistics take: which executions, by what they are grouped, how many groups."""

from datetime import timedelta
from typing import Annotated

import strawberry

from db.errors import InvalidInput
from db.queries.filters import ExecutionFilter as Narrowed
from db.queries.statistics import Grouping, TimeSpan, covered
from graph.api.conditions import listed
from graph.api.executions.filters import ExecutionFilter, execution_filter
from graph.api.steps.filters import StepFilter
from graph.arguments import LARGEST_PAGE, given
from graph.context import Info
from graph.enums import ExecutionStatsGroup, StepStatsOrder

Which = Annotated[
    ExecutionFilter | None,
    strawberry.argument(
        description="Which executions; without a lower bound on `createdAt`, those of the last 30 days."
    ),
]
WhichSteps = Annotated[StepFilter | None, strawberry.argument(description="Which of their steps.")]
GroupBy = Annotated[
    list[ExecutionStatsGroup] | None,
    strawberry.argument(
        description="What the executions of a group have in common; all are one group by default."
    ),
]
Bucket = Annotated[
    timedelta | None,
    strawberry.argument(
        description="Group by when they were created, in steps of this length, a minute or more, "
        "counted from 1970-01-01 in UTC."
    ),
]
Order = Annotated[StepStatsOrder, strawberry.argument(description="Which steps come first.")]
Most = Annotated[int, strawberry.argument(description="How many groups, at most 500.")]


async def window(info: Info, filter: ExecutionFilter | None) -> tuple[Narrowed, TimeSpan]:
    """What `db` narrows by, with a beginning in time, and the window that it covers."""
    narrowed, span = covered(await execution_filter(info, filter), info.context.loaders.now)
    narrowed.require_window()
    return narrowed, span


def grouping(group_by: list[ExecutionStatsGroup] | None, bucket: timedelta | None) -> Grouping:
    """By what executions are grouped; raises `InvalidInput`."""
    return Grouping.of(listed("groupBy", group_by) or (), given(bucket))


def limit(first: int) -> int:
    """How many groups are asked for; raises `InvalidInput` for more than a page."""
    if not 0 <= first <= LARGEST_PAGE:
        raise InvalidInput(f"`first` can be 0 to {LARGEST_PAGE}; it was {first}.")
    return first
