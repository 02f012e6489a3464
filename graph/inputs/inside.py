"""Conditions on what executions have inside."""

from datetime import timedelta

import orjson
import strawberry

from db.errors import InvalidInput
from db.queries import inside
from graph.api.conditions import listed
from graph.arguments import given
from graph.enums import StepStatus
from graph.scalars import JSON, json_text


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
    """Equality with a scalar."""

    key: str = strawberry.field(description="The key.")
    equals: JSON = strawberry.field(description="The value: a string, a number, true or false.")


@strawberry.input(description="A range of lengths of time; every bound that is given must hold.")
class DurationRangeInput:
    """Bounds on a length of time."""

    gte: timedelta | None = strawberry.field(default=strawberry.UNSET, description="As long, or longer.")
    lte: timedelta | None = strawberry.field(default=strawberry.UNSET, description="As long, or shorter.")


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
