"""From a column of values to what the answer shows: leaves by their scalars, objects by their own plans."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any, Protocol

from db.queries.pages import Row
from graph.execution.errors import Fault, Path, PathOf, Spot, attempted, faulty
from graph.execution.plan import Level, ObjectPlan, Run


class Completion(Protocol):
    """What becomes of the values of a field or of the items of a list."""

    @property
    def nullable(self) -> bool:
        """Whether null may be shown there."""
        ...

    @property
    def spot(self) -> Spot:
        """The field."""
        ...

    async def complete(self, values: list[Any], path: PathOf, run: Run) -> list[Any]:
        """The cells, none of the values an exception; faults only where null is none."""
        ...


async def complete(completion: Completion, values: list[Any], path: PathOf, run: Run) -> list[Any]:
    """The same where some of the values may be exceptions: these are the errors of their cells."""
    places = [at for at, value in enumerate(values) if not isinstance(value, Exception)]
    if len(places) == len(values):
        return await completion.complete(values, path, run)
    shown = iter(
        await completion.complete([values[at] for at in places], partial(_of_these, path, places), run)
    )

    def cell(at: int, value: Any) -> Any:
        if not isinstance(value, Exception):
            return next(shown)
        return settled(completion, completion.spot.fault(value, path(at)), path, at, run)

    return [cell(at, value) for at, value in enumerate(values)]


def settled(completion: Completion, cell: Any, path: PathOf, at: int, run: Run) -> Any:
    """A cell as its place takes it, nulls and faults too; where it is, is only asked of these."""
    if cell is None and not completion.nullable:
        cell = completion.spot.absent(path(at))
    if not isinstance(cell, Fault):
        return cell
    return run.errors.settle(cell, path(at), nullable=completion.nullable)


def item_path(lists: PathOf, sizes: Sequence[int]) -> PathOf:
    """Where the items of lists of these sizes are, which are one column."""
    ends: list[int] = []

    def path(at: int) -> Path:
        if not ends:  # mostly nobody asks
            ends.extend(accumulate(sizes))
        index = bisect_right(ends, at)
        return (*lists(index), at - ends[index] + sizes[index])

    return path


@dataclass(frozen=True, slots=True)
class Leaf:
    """Scalars and enums; `convert` is None for those that are shown as they are.

    `explain` does the same for one value, and raises what is wrong with it.
    """

    convert: Callable[[Any], Any] | None
    explain: Callable[[Any], Any]
    nullable: bool
    spot: Spot

    async def complete(self, values: list[Any], path: PathOf, run: Run) -> list[Any]:
        """Each by itself."""
        if self.convert is None:
            if self.nullable or None not in values:
                return values
        else:
            shown = attempted(self._converted, values)
            if not isinstance(shown, Exception) and self._fits(values, shown):
                return shown  # type: ignore[no-any-return]
        return [self._cell(value, path, at, run) for at, value in enumerate(values)]

    def _converted(self, values: list[Any]) -> list[Any]:
        convert = self.convert
        assert convert is not None
        if None not in values:
            return list(map(convert, values))
        return [None if value is None else convert(value) for value in values]

    def _fits(self, values: list[Any], shown: list[Any]) -> bool:
        return None not in shown or (self.nullable and shown.count(None) == values.count(None))

    def _cell(self, value: Any, path: PathOf, at: int, run: Run) -> Any:
        shown = None if value is None else attempted(self.explain, value)
        if isinstance(shown, Exception):
            shown = self.spot.fault(shown, path(at))
        return settled(self, shown, path, at, run)


@dataclass(frozen=True, slots=True)
class Listed:
    """Lists: completed as one column, then cut again."""

    item: Completion
    nullable: bool
    spot: Spot

    async def complete(self, values: list[Any], path: PathOf, run: Run) -> list[Any]:
        """All items of all lists together."""
        sizes = [0 if value is None else len(value) for value in values]
        flat = [item for value in values if value is not None for item in value]
        run.shown += len(flat)
        cells = await complete(self.item, flat, item_path(path, sizes), run)
        return cut(self, cells, [None if value is None else len(value) for value in values], path, run)


def cut(
    completion: Completion, cells: list[Any], sizes: Sequence[int | None], path: PathOf, run: Run
) -> list[Any]:
    """Lists of these sizes, None for null, from their items as one column."""
    lists: list[Any] = []
    at = 0
    for size in sizes:
        if size is None:
            lists.append(None)
        else:
            lists.append(cells[at : at + size])
            at += size
    if None in sizes or (run.errors.bubbling and faulty(cells)):
        for index, items in enumerate(lists):
            fault = items and next((item for item in items if isinstance(item, Fault)), None)
            lists[index] = settled(completion, items if fault is None else fault, path, index, run)
    return lists


@dataclass(frozen=True, slots=True)
class Nested:
    """Objects that a resolver gave; rows where `build` makes the objects of them."""

    plan: ObjectPlan
    nullable: bool
    spot: Spot
    build: Callable[[Row], Any] | None = None

    async def complete(self, values: list[Any], path: PathOf, run: Run) -> list[Any]:
        """Those that are there as one level."""
        places = [at for at, value in enumerate(values) if value is not None]
        there, where = values, path
        if len(places) < len(values):
            there, where = [values[at] for at in places], partial(_of_these, path, places)
        if self.build is None:
            level = Level(where, objects=there)
        else:
            level = Level(where, rows=there, build=self.build)
        cells = await self.plan.answer(level, run) if places else []
        return placed(self, cells, places, len(values), path, run)


@dataclass(frozen=True, slots=True)
class Variants:
    """Objects whose type is only known from themselves: a level for each type among them."""

    plans: dict[type, ObjectPlan]
    nullable: bool
    spot: Spot

    async def complete(self, values: list[Any], path: PathOf, run: Run) -> list[Any]:
        """Grouped by type, and put back into their order."""
        groups: dict[type, list[int]] = {}
        for at, value in enumerate(values):
            if value is not None:
                groups.setdefault(type(value), []).append(at)
        places: list[int] = []
        cells: list[Any] = []
        for kind, own in groups.items():
            level = Level(partial(_of_these, path, own), objects=[values[at] for at in own])
            cells += await self._answered(kind, level, run)
            places += own
        return placed(self, cells, places, len(values), path, run)

    async def _answered(self, kind: type, level: Level, run: Run) -> list[Any]:
        if kind in self.plans:
            return await self.plans[kind].answer(level, run)
        run.errors.bubbling = True
        wrong = TypeError(f"{kind.__name__} is no type that {self.spot.parent}.{self.spot.name} can have.")
        return [self.spot.fault(wrong, level.path(at)) for at in range(len(level))]


def _of_these(path: PathOf, places: list[int], at: int) -> Path:
    return path(places[at])


def placed(
    completion: Completion, cells: list[Any], places: list[int], length: int, path: PathOf, run: Run
) -> list[Any]:
    """A column of this length with these cells at their places, null elsewhere."""
    if len(places) == length and not run.errors.bubbling and places == sorted(places):
        return cells
    column: list[Any] = [None] * length
    for at, cell in zip(places, cells, strict=True):
        column[at] = cell
    return [settled(completion, cell, path, at, run) for at, cell in enumerate(column)]
