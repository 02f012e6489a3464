"""How steps are narrowed and ordered."""

import strawberry

from db.errors import InvalidInput
from db.queries import filters
from graph.api.conditions import TimeRangeInput, listed, time_range
from graph.api.records.filters import recorded
from graph.arguments import given
from graph.context import Info
from graph.enums import (
    Direction,
    StepOrderField,
    StepStatus,
)


@strawberry.input(description="Which steps; every condition that is given must hold.")
class StepFilter:
    status: list[StepStatus] | None = strawberry.field(
        default=strawberry.UNSET, description="One of these statuses."
    )
    key: list[str] | None = strawberry.field(default=strawberry.UNSET, description="One of these keys.")
    key_starts_with: str | None = strawberry.field(
        default=strawberry.UNSET, description="How the key begins, case-sensitive."
    )
    type: list[str] | None = strawberry.field(default=strawberry.UNSET, description="One of these types.")
    started_at: TimeRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="When it started; what has not started is later than any bound."
    )
    latest: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Only the last attempt at each step, or only the ones before."
    )


@strawberry.input(description="The order of a list of steps.")
class StepOrder:
    """A field and a direction."""

    field: StepOrderField = strawberry.field(description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")


async def _step_filter(info: Info, value: StepFilter | None) -> filters.StepFilter:
    """What `db` narrows by."""
    value = given(value)
    if value is None:
        return filters.StepFilter()
    prefix = given(value.key_starts_with)
    if prefix == "":
        raise InvalidInput("An empty `keyStartsWith` is no condition; leave it out.")
    return filters.StepFilter(
        statuses=listed("status", value.status),
        keys=listed("key", value.key),
        key_prefix=prefix,
        types=listed("type", value.type),
        started=time_range(value.started_at),
        latest=given(value.latest),
    )


STEPS_LISTED = recorded("steps", StepFilter, StepOrder, _step_filter)
