"""How the lists inside an execution are narrowed and ordered: logs, events, metrics."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import strawberry

from db.errors import InvalidInput
from db.queries import filters
from db.queries.predicates import Filter
from graph.api.conditions import TimeRangeInput, listed, time_range
from graph.arguments import LARGEST_LOG_PAGE, LARGEST_PAGE, given
from graph.connections import Listing
from graph.context import Info
from graph.enums import (
    Direction,
    EventType,
    LogLevel,
    LogOrderField,
    SeqOrderField,
)
from graph.scalars import Long


@strawberry.input(description="A range of sequence numbers; every bound that is given must hold.")
class SeqRangeInput:
    """Bounds on a number that counts the records of an execution."""

    gte: Long | None = strawberry.field(default=strawberry.UNSET, description="This one or a later one.")
    lte: Long | None = strawberry.field(default=strawberry.UNSET, description="This one or an earlier one.")


@strawberry.input(description="Which log entries; every condition that is given must hold.")
class LogFilter:
    min_level: LogLevel | None = strawberry.field(
        default=strawberry.UNSET, description="Of this severity or above."
    )
    step_key: str | None = strawberry.field(
        default=strawberry.UNSET, description="Logged by any attempt at the step with this key."
    )
    text: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The message contains this, in upper or lower case. All of an execution's log is looked "
        "through for it, but where it is indexed: `Health.logSearch`.",
    )
    logged_at: TimeRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="When it was logged, by the client's time stamp."
    )
    seq: SeqRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="Its number: the entries around one, or any stretch of the log."
    )


@strawberry.input(description="Which events; every condition that is given must hold.")
class EventFilter:
    type: list[EventType] | None = strawberry.field(
        default=strawberry.UNSET, description="One of these types."
    )
    at: TimeRangeInput | None = strawberry.field(default=strawberry.UNSET, description="When it happened.")


@strawberry.input(description="Which reported metric points; every condition that is given must hold.")
class MetricFilter:
    name: list[str] | None = strawberry.field(default=strawberry.UNSET, description="One of these names.")


@strawberry.input(description="The order of a list of log entries.")
class LogOrder:
    """A field and a direction."""

    field: LogOrderField = strawberry.field(description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")


@strawberry.input(description="The order of a list of records that have a sequence number.")
class SeqOrder:
    """A field and a direction."""

    field: SeqOrderField = strawberry.field(default=SeqOrderField.SEQ, description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")


async def _log_filter(info: Info, value: LogFilter | None) -> filters.LogFilter:
    """What `db` narrows by."""
    value = given(value)
    if value is None:
        return filters.LogFilter()
    level = given(value.min_level)
    return filters.LogFilter(
        min_level=None if level is None else int(level),
        step_key=given(value.step_key),
        text=given(value.text),
        logged=time_range(value.logged_at),
        seqs=_seq_range(value.seq),
    )


def _seq_range(value: SeqRangeInput | None) -> tuple[int | None, int | None]:
    """The bounds; raises `InvalidInput` where no number lies between them."""
    value = given(value)
    if value is None:
        return None, None
    low, high = given(value.gte), given(value.lte)
    if low is not None and high is not None and low > high:
        raise InvalidInput(f"No number lies in this range: `gte` {low} is greater than `lte` {high}.")
    return low, high


async def _event_filter(info: Info, value: EventFilter | None) -> filters.EventFilter:
    """What `db` narrows by."""
    value = given(value)
    if value is None:
        return filters.EventFilter()
    return filters.EventFilter(types=listed("type", value.type), happened=time_range(value.at))


async def _metric_filter(info: Info, value: MetricFilter | None) -> filters.MetricFilter:
    """What `db` narrows by."""
    value = given(value)
    return filters.MetricFilter() if value is None else filters.MetricFilter(listed("name", value.name))


def recorded(
    what: str,
    filter_type: object,
    order_type: object,
    narrow: Callable[[Info, Any], Awaitable[Filter]],
    largest: int = LARGEST_PAGE,
) -> Listing:
    """A list of what an execution goes through, as recorded unless another order is asked for."""
    return Listing(
        Annotated[filter_type | None, strawberry.argument(description=f"Which {what}.")],  # type: ignore[operator]
        Annotated[order_type | None, strawberry.argument(description=ORDERED)],  # type: ignore[operator]
        narrow,
        ("SEQ", False),
        largest,
    )


ORDERED = "In which order; as recorded by default."

LOGS_LISTED = recorded("log entries", LogFilter, LogOrder, _log_filter, LARGEST_LOG_PAGE)
EVENTS_LISTED = recorded("events", EventFilter, SeqOrder, _event_filter)
METRICS_LISTED = recorded("metric points", MetricFilter, SeqOrder, _metric_filter)
