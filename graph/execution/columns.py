"""A field over a whole level: where its values come from."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any, Protocol

from graph.execution.completion import Completion, Leaf
from graph.execution.level import Level, Run
from graph.ids import Kind, encode

Arguments = Callable[[Run], dict[str, Any]]


class Column(Protocol):
    """A field of the document."""

    async def values(self, level: Level, run: Run) -> list[Any]:
        """What the answer shows of it for each object of the level; raises `HandOver`."""
        ...


@dataclass(frozen=True, slots=True)
class TypeName:
    """`__typename`."""

    name: str

    async def values(self, level: Level, run: Run) -> list[Any]:
        """The same for all."""
        return [self.name] * len(level)


@dataclass(frozen=True, slots=True)
class Identity:
    """`id` of the rows of a table."""

    kind: Kind
    key: tuple[str, ...]

    async def values(self, level: Level, run: Run) -> list[Any]:
        """Encoded from the key's columns."""
        if not level.is_rows:
            return [item.id for item in level.objects]
        kind, rows = self.kind, level.rows
        if len(self.key) == 1:
            return [encode(kind, value) for value in map(itemgetter(self.key[0]), rows)]
        return [encode(kind, *parts) for parts in map(itemgetter(*self.key), rows)]


@dataclass(frozen=True, slots=True)
class Plain:
    """A column of the row, or an attribute of the object, of the same name."""

    name: str
    stored: Leaf | Completion
    made: Completion

    async def values(self, level: Level, run: Run) -> list[Any]:
        """Read without any resolver."""
        if level.is_rows:
            column = list(map(itemgetter(self.name), level.rows))
            if isinstance(self.stored, Leaf):
                return self.stored.converted(column)
            return await self.stored.complete(column, run)
        return await self.made.complete(list(map(attrgetter(self.name), level.objects)), run)


@dataclass(frozen=True, slots=True)
class Computed:
    """A resolver that only looks at its object."""

    resolve: Callable[[Any], Any]
    completion: Completion

    async def values(self, level: Level, run: Run) -> list[Any]:
        """Called for each."""
        return await self.completion.complete(list(map(self.resolve, level.objects)), run)


@dataclass(frozen=True, slots=True)
class Awaited:
    """A resolver that loads something: the loaders put the calls of a level together."""

    resolve: Callable[..., Any]
    arguments: Arguments
    completion: Completion
    is_root: bool

    async def values(self, level: Level, run: Run) -> list[Any]:
        """All at once."""
        info, arguments = run.info, self.arguments(run)
        # The roots' methods never look at their object.
        objects = [None] if self.is_root else level.objects
        found = await asyncio.gather(*(self.resolve(item, info=info, **arguments) for item in objects))
        return await self.completion.complete(list(found), run)
