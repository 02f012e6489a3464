"""What fields take: arguments that may be left out, orders, and how large pages are."""

from typing import Any, TypeVar

import strawberry

from graph.enums import Direction

T = TypeVar("T")

DEFAULT_PAGE = 50
LARGEST_PAGE = 500
LARGEST_LOG_PAGE = 1000
COUNT_CAP = 10_000
LARGEST_COUNT_CAP = 1_000_000_000


def given(value: T | None) -> T | None:
    """The value, or None where it was left out or null: both mean no condition."""
    return None if value is strawberry.UNSET else value


def chosen_order(value: Any, default: tuple[str, bool]) -> tuple[str, bool]:
    """(name, descending) of an `orderBy` input, or the list's own order where none was given."""
    value = given(value)
    if value is None:
        return default
    return value.field.value, value.direction is Direction.DESC
