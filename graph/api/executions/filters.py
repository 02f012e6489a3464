"""How lists of executions are narrowed and ordered."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import orjson
import strawberry

from db.errors import InvalidInput
from db.queries import filters, inside
from db.queries.inside import Inside
from graph.api.conditions import (
    NameFilter,
    TagsFilter,
    TimeRangeInput,
    listed,
    name_or_prefix,
    tags,
    time_range,
)
from graph.arguments import given
from graph.connections import Listing
from graph.context import Info
from graph.enums import Direction, Environment, ExecutionOrderField, ExecutionStatus, StepStatus, TriggerType
from graph.ids import Kind, decode_as
from graph.nodes import load_node
from graph.scalars import JSON, JSONObject, json_text

_WINDOWED = "Takes a `createdAt` of at most 31 days."


@strawberry.input(description="An attempt at a step that fulfils every condition that is given.")
class StepMatch:
    """What a step must be like."""

    status: list[StepStatus] | None = strawberry.field(
        default=strawberry.UNSET, description="One of these statuses."
    )
    key: list[str] | None = strawberry.field(default=strawberry.UNSET, description="One of these keys.")
    error_code: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Its error has one of these codes."
    )


@strawberry.input(description="A key and the value that it must have.")
class ValueMatch:
    key: str = strawberry.field(description="The key.")
    equals: JSON = strawberry.field(description="The value: a string, a number, true or false.")


@strawberry.input(description="A range of lengths of time; every bound that is given must hold.")
class DurationRangeInput:
    """Bounds on a length of time."""

    gte: timedelta | None = strawberry.field(default=strawberry.UNSET, description="As long, or longer.")
    lte: timedelta | None = strawberry.field(default=strawberry.UNSET, description="As long, or shorter.")


@strawberry.input(description="Which executions; every condition that is given must hold.")
class ExecutionFilter:
    workflow_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Of this workflow version."
    )
    workflow_name: NameFilter | None = strawberry.field(
        default=strawberry.UNSET, description="Of workflows with this name, whatever their version."
    )
    status: list[ExecutionStatus] | None = strawberry.field(
        default=strawberry.UNSET, description="One of these statuses."
    )
    trigger_type: list[TriggerType] | None = strawberry.field(
        default=strawberry.UNSET, description="Set off by one of these."
    )
    correlation_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="With this correlation id."
    )
    parent_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Started by this execution."
    )
    forked_from_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Forked from a checkpoint of this execution."
    )
    environment: list[Environment] | None = strawberry.field(
        default=strawberry.UNSET, description="Of workflow versions in one of these environments."
    )
    has_error: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether an error was reported for it."
    )
    tags: TagsFilter | None = strawberry.field(default=strawberry.UNSET, description="Its tags.")
    attributes: JSONObject | None = strawberry.field(
        default=strawberry.UNSET,
        description="Its attributes contain this: every key given, with the value given, at any depth.",
    )
    created_at: TimeRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="When it was created."
    )
    started_at: TimeRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="When it started; what has not started is later than any bound."
    )
    completed_at: TimeRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="When it ended; what has not ended is later than any bound."
    )
    duration: DurationRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description=f"How long it took from its start to its end. {_WINDOWED}"
    )
    triggered_by: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description=f"Set off by one of these callers. {_WINDOWED}"
    )
    step: StepMatch | None = strawberry.field(
        default=strawberry.UNSET, description=f"At least one attempt at a step was so. {_WINDOWED}"
    )
    variable: ValueMatch | None = strawberry.field(
        default=strawberry.UNSET, description=f"A variable of its state has this value now. {_WINDOWED}"
    )
    input: ValueMatch | None = strawberry.field(
        default=strawberry.UNSET, description=f"Its input is an object with this key and value. {_WINDOWED}"
    )
    error_fingerprint: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=f"It, or a step of it, failed in this way: `ErrorGroup.fingerprint`. {_WINDOWED}",
    )


@strawberry.input(description="The order of a list of executions.")
class ExecutionOrder:
    """A field and a direction."""

    field: ExecutionOrderField = strawberry.field(description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")


async def execution_filter(info: Info, value: ExecutionFilter | None) -> filters.ExecutionFilter:
    """What `db` narrows by.

    Raises `NotFound` for ids of nothing: an empty list would hide the mistake.
    """
    narrowed = narrowed_by(given(value))
    await _require_existing(info, Kind.WORKFLOW, narrowed.workflow_id)
    await _require_existing(info, Kind.EXECUTION, narrowed.parent_id)
    await _require_existing(info, Kind.EXECUTION, narrowed.forked_from)
    return narrowed


def narrowed_by(value: ExecutionFilter | None) -> filters.ExecutionFilter:
    """The same, whether or not what its ids name is there."""
    if value is None:
        return filters.ExecutionFilter()
    name, prefix = name_or_prefix(value.workflow_name)
    attributes = given(value.attributes)
    return filters.ExecutionFilter(
        workflow_id=_key(Kind.WORKFLOW, value.workflow_id),
        workflow_name=name,
        workflow_name_prefix=prefix,
        statuses=listed("status", value.status),
        trigger_types=listed("triggerType", value.trigger_type),
        correlation_id=given(value.correlation_id),
        parent_id=_key(Kind.EXECUTION, value.parent_id),
        forked_from=_key(Kind.EXECUTION, value.forked_from_id),
        environments=listed("environment", value.environment),
        has_error=given(value.has_error),
        attributes=None if attributes is None else json_text(attributes),
        created=time_range(value.created_at),
        started=time_range(value.started_at),
        completed=time_range(value.completed_at),
        inside=_inside(value),
        **tags(value.tags),
    )


def _inside(value: ExecutionFilter) -> Inside:
    shortest, longest = lengths(value.duration)
    return Inside(
        step=step_match(value.step),
        variable=value_match("variable", value.variable),
        input=value_match("input", value.input),
        shortest=shortest,
        longest=longest,
        triggered_by=listed("triggeredBy", value.triggered_by),
        fingerprint=given(value.error_fingerprint),
    )


async def _listed(info: Info, value: ExecutionFilter | None) -> filters.ExecutionFilter:
    """What a list is narrowed by; raises `InvalidInput` where too many executions had to be looked into."""
    narrowed = await execution_filter(info, value)
    narrowed.require_window()
    return narrowed


def _key(kind: Kind, value: strawberry.ID | None) -> UUID | None:
    text = given(value)
    return None if text is None else decode_as(kind, text)[0]


async def _require_existing(info: Info, kind: Kind, key: UUID | None) -> None:
    if key is not None:
        await load_node(info, kind, (key,))


EXECUTIONS_LISTED = Listing(
    Annotated[ExecutionFilter | None, strawberry.argument(description="Which executions.")],
    Annotated[ExecutionOrder | None, strawberry.argument(description="The order; newest first by default.")],
    _listed,
    ("CREATED_AT", True),
)


def step_match(value: StepMatch | None) -> inside.StepMatch | None:
    """What `db` narrows by; raises `InvalidInput` for no condition at all."""
    value = given(value)
    if value is None:
        return None
    found = inside.StepMatch(
        listed("step.status", value.status),
        listed("step.key", value.key),
        listed("step.errorCode", value.error_code),
    )
    if found == inside.StepMatch():
        raise InvalidInput("An empty `step` is no condition; leave it out.")
    return found


def value_match(name: str, value: ValueMatch | None) -> inside.ValueMatch | None:
    """What `db` narrows by; raises `InvalidInput` for anything but a scalar."""
    value = given(value)
    if value is None:
        return None
    text = json_text(value.equals)
    if isinstance(orjson.loads(text), dict | list):
        raise InvalidInput(f"`{name}.equals` takes a string, a number, true or false.")
    return inside.ValueMatch(value.key, text)


def lengths(value: DurationRangeInput | None) -> tuple[timedelta | None, timedelta | None]:
    """The bounds; raises `InvalidInput` where no length lies between them."""
    value = given(value)
    if value is None:
        return None, None
    low, high = given(value.gte), given(value.lte)
    if low is not None and high is not None and low > high:
        raise InvalidInput("No length of time lies in this range: `gte` is longer than `lte`.")
    return low, high
