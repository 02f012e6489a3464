"""What an error costs the cells beside it: nothing."""

from typing import Any

from graph.execution.completion import Leaf, Listed, complete
from graph.execution.errors import Errors, Path, Spot
from graph.execution.plan import Run

SPOT = Spot((), "Parent", "field")


def leaf(*, nullable: bool) -> Leaf:
    """Numbers below a hundred."""
    return Leaf(small, small, nullable, SPOT)


def small(value: int) -> int:
    """The value; raises `ValueError` from a hundred on."""
    if value >= 100:
        raise ValueError(value)
    return value


async def asked(completion: Any, values: list[Any]) -> tuple[list[Any], set[int], Errors]:
    """The cells, whose places were asked for, and the errors."""
    places: set[int] = set()

    def path(at: int) -> Path:
        places.add(at)
        return 0, at

    run = Run(None, {}, dict)  # type: ignore[arg-type]
    return await complete(completion, values, path, run), places, run.errors


async def test_a_resolver_s_error_asks_for_its_own_place() -> None:
    cells, places, _ = await asked(leaf(nullable=True), [1, ValueError("x"), *[2] * 50])
    assert (cells[:3], places) == ([1, None, 2], {1})


async def test_a_value_that_cannot_be_shown_asks_for_its_own_place() -> None:
    cells, places, _ = await asked(leaf(nullable=True), [*[1] * 50, 100, 2])
    assert (cells[49:], places) == ([1, None, 2], {50})


async def test_an_item_that_may_not_be_null_takes_its_own_list_along() -> None:
    lists = Listed(leaf(nullable=False), True, SPOT)
    cells, places, errors = await asked(lists, [[1], [], [2, 100, 3], [], [4], None])
    assert (cells, places) == ([[1], [], None, [], [4], None], {2})
    assert [error.path for _, error in errors.found] == [[2, 1]]
