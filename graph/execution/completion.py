"""From a column of values to what the answer shows: leaves by their scalars, objects by their own plans."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import GraphQLEnumType, GraphQLList, GraphQLNonNull, GraphQLScalarType, Undefined

from graph.execution.level import HandOver, Level, Run

# What a column of the database holds for these is shown as it is.
_SHOWN_AS_STORED = frozenset({"String", "Boolean", "DateTime", "Long"})


class Completion(Protocol):
    """What becomes of a column."""

    async def complete(self, values: list[Any], run: Run) -> list[Any]:
        """The values as the answer shows them, in the same order; raises `HandOver`."""
        ...


@dataclass(frozen=True, slots=True)
class Leaf:
    """Scalars and enums; `convert` is None for those that are shown as they are."""

    convert: Callable[[Any], Any] | None
    nullable: bool

    async def complete(self, values: list[Any], run: Run) -> list[Any]:
        """Each by itself."""
        return self.converted(values)

    def converted(self, values: list[Any]) -> list[Any]:
        """The same, without a loop to wait for."""
        if None in values:
            if not self.nullable:
                raise HandOver
            if self.convert is None:
                return values
            convert = self.convert
            return [None if value is None else convert(value) for value in values]
        return values if self.convert is None else list(map(self.convert, values))


@dataclass(frozen=True, slots=True)
class Listed:
    """Lists: completed as one column, then cut again."""

    item: Completion
    nullable: bool

    async def complete(self, values: list[Any], run: Run) -> list[Any]:
        """All items of all lists together."""
        if not self.nullable and any(value is None for value in values):
            raise HandOver
        flat = await self.item.complete(
            [item for value in values if value is not None for item in value], run
        )
        completed: list[Any] = []
        at = 0
        for value in values:
            if value is None:
                completed.append(None)
            else:
                completed.append(flat[at : at + len(value)])
                at += len(value)
        return completed


class Objects(Protocol):
    """A plan for the objects of a level."""

    async def answer(self, level: Level, run: Run) -> list[dict[str, Any]]:
        """What the answer shows of each."""
        ...


@dataclass(frozen=True, slots=True)
class Nested:
    """Objects that a resolver gave."""

    plan: Objects
    nullable: bool

    async def complete(self, values: list[Any], run: Run) -> list[Any]:
        """Those that are there as one level."""
        there = [value for value in values if value is not None]
        if len(there) < len(values) and not self.nullable:
            raise HandOver
        if any(isinstance(value, Exception) for value in there):
            raise HandOver
        answers = iter(await self.plan.answer(Level(objects=there), run)) if there else iter(())
        return [None if value is None else next(answers) for value in values]


def leaf(kind: Any, *, stored: bool) -> Completion | None:
    """The completion of a leaf type or a list of them, None for any other; `stored` values are columns'."""
    nullable = not isinstance(kind, GraphQLNonNull)
    if isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    if isinstance(kind, GraphQLList):
        item = leaf(kind.of_type, stored=stored)
        return None if item is None else Listed(item, nullable)
    if isinstance(kind, GraphQLEnumType):
        return Leaf(_enum(kind), nullable)
    if isinstance(kind, GraphQLScalarType):
        return Leaf(None if stored and kind.name in _SHOWN_AS_STORED else _scalar(kind), nullable)
    return None


def _enum(kind: GraphQLEnumType) -> Callable[[Any], Any]:
    names: dict[Any, str] = {}

    def name(value: Any) -> str:
        try:
            found = names.get(value)
            if found is None:
                found = names[value] = kind.coerce_output_value(value)
        except (ValueError, TypeError) as error:
            raise HandOver from error
        return found

    return name


def _scalar(kind: GraphQLScalarType) -> Callable[[Any], Any]:
    convert = kind.coerce_output_value
    assert convert is not None

    def converted(value: Any) -> Any:
        shown = convert(value)
        if shown is None or shown is Undefined:
            raise HandOver
        return shown

    return converted
