"""Inputs that several aggregates share."""

from datetime import datetime
from enum import Enum
from typing import Any

import strawberry

from db.errors import InvalidInput
from db.queries.predicates import ALWAYS, TimeRange
from graph.arguments import given

LONGEST_LIST = 100


def listed(name: str, values: list[Any] | None) -> tuple[str, ...] | None:
    """A list of choices as the database writes them; raises `InvalidInput` for one too long."""
    values = given(values)
    if values is None:
        return None
    if len(values) > LONGEST_LIST:
        raise InvalidInput(f"`{name}` can hold at most {LONGEST_LIST} choices; it held {len(values)}.")
    return tuple(value.value if isinstance(value, Enum) else value for value in values)


@strawberry.input(description="A range of time; every bound that is given must hold.")
class TimeRangeInput:
    gte: datetime | None = strawberry.field(default=strawberry.UNSET, description="At or after.")
    gt: datetime | None = strawberry.field(default=strawberry.UNSET, description="After.")
    lte: datetime | None = strawberry.field(default=strawberry.UNSET, description="At or before.")
    lt: datetime | None = strawberry.field(default=strawberry.UNSET, description="Before.")


def time_range(value: TimeRangeInput | None) -> TimeRange:
    """The range that an input describes; without one, all of time."""
    value = given(value)
    if value is None:
        return ALWAYS
    return TimeRange(given(value.gte), given(value.gt), given(value.lte), given(value.lt))


@strawberry.input(description="Conditions on tags.")
class TagsFilter:
    """All of some, any of others."""

    all: list[str] | None = strawberry.field(default=strawberry.UNSET, description="Every one of these.")
    any: list[str] | None = strawberry.field(default=strawberry.UNSET, description="At least one of these.")


def tags(value: TagsFilter | None) -> dict[str, tuple[str, ...]]:
    """The arguments of a filter for conditions on tags."""
    value = given(value)
    if value is None:
        return {}
    wanted = {"tags_all": listed("tags.all", value.all), "tags_any": listed("tags.any", value.any)}
    if () in wanted.values():
        raise InvalidInput("An empty list of tags is no condition; leave it out.")
    return {name: choices for name, choices in wanted.items() if choices is not None}


@strawberry.input(description="A condition on a name: exactly one of the two.", one_of=True)
class NameFilter:
    eq: str | None = strawberry.field(default=strawberry.UNSET, description="The whole name.")
    starts_with: str | None = strawberry.field(
        default=strawberry.UNSET, description="How the name begins, case-sensitive."
    )


def name_or_prefix(value: NameFilter | None) -> tuple[str | None, str | None]:
    """The exact name and the prefix asked for, None where there is no such condition."""
    value = given(value)
    if value is None:
        return None, None
    if value.starts_with == "" or value.eq == "":
        raise InvalidInput("An empty name is no condition; leave the filter out.")
    return given(value.eq), given(value.starts_with)
