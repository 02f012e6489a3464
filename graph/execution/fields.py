"""The fields of objects: where the values of a level come from."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any

from graph.execution.completion import Completion, complete
from graph.execution.errors import Spot, attempted, awaited
from graph.execution.inputs import Arguments
from graph.execution.plan import Asked, Level, Run
from graph.ids import Kind, encode_all
from graph.loaders import Load


@dataclass(frozen=True, slots=True)
class TypeName:
    """`__typename`."""

    name: str
    needs: frozenset[str] = frozenset()
    together: bool = False

    async def cells(self, level: Level, run: Run) -> list[Any]:
        """The same for all."""
        return [self.name] * len(level)


@dataclass(frozen=True, slots=True)
class Identity:
    """`id` of the rows of a table."""

    kind: Kind
    key: tuple[str, ...]
    together: bool = False

    @property
    def needs(self) -> frozenset[str]:
        """The key."""
        return frozenset(self.key)

    async def cells(self, level: Level, run: Run) -> list[Any]:
        """Encoded from the key's columns."""
        if not level.is_rows:
            return [item.id for item in level.objects]
        return encode_all(self.kind, list(map(itemgetter(*self.key), level.rows)))


@dataclass(frozen=True, slots=True)
class Plain:
    """A column of the row, or an attribute of the object, of the same name."""

    key: str
    name: str
    stored: Completion
    made: Completion
    together: bool = False

    @property
    def needs(self) -> frozenset[str]:
        """The column of its name."""
        return frozenset((self.name,))

    async def cells(self, level: Level, run: Run) -> list[Any]:
        """Read without any resolver."""
        if level.is_rows:
            column = list(map(itemgetter(self.name), level.rows))
            return await self.stored.complete(column, level.at(self.key), run)
        values = list(map(attrgetter(self.name), level.objects))
        return await self.made.complete(values, level.at(self.key), run)


@dataclass(frozen=True, slots=True)
class Field:
    """A field with a resolver: its name, what was written of it, and what becomes of its values."""

    key: str
    spot: Spot
    arguments: Arguments
    completion: Completion

    def given(self, run: Run) -> Any:
        """The arguments, or the error that they are."""
        return attempted(run.arguments, self.arguments)

    async def completed(self, values: list[Any], level: Level, run: Run) -> list[Any]:
        """The cells of what the resolver gave for each object."""
        return await complete(self.completion, values, level.at(self.key), run)


@dataclass(frozen=True, slots=True)
class Computed:
    """A resolver that only looks at its object."""

    field: Field
    resolve: Callable[..., Any]
    needs: None = None
    together: bool = False

    async def cells(self, level: Level, run: Run) -> list[Any]:
        """Called for each."""
        resolve, objects = self.resolve, level.objects
        values = attempted(lambda: list(map(resolve, objects)))
        if isinstance(values, Exception):
            values = [attempted(resolve, item) for item in objects]
        return await self.field.completed(values, level, run)


# Makes the member of a field's union that an exception stands for; None where it is none.
Handler = Callable[[Exception, Asked], Any]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A resolver that takes arguments or waits: called for every object of the level at once."""

    field: Field
    resolve: Callable[..., Any]
    info: str | None
    handle: Handler | None
    is_root: bool
    together: bool
    needs: None = None

    async def cells(self, level: Level, run: Run) -> list[Any]:
        """What the resolver gives, exceptions as the field's union takes them."""
        asked = Asked(run.context, self.field.spot.name)
        given = self.field.given(run)
        # The roots' methods never look at their object.
        objects = [None] * len(level) if self.is_root else level.objects
        if isinstance(given, Exception):
            values: list[Any] = [given] * len(objects)
        else:
            if self.info is not None:
                given[self.info] = asked
            values = await self._called(objects, given)
        if self.handle is not None:
            values = [self._handled(value, asked) for value in values]
        return await self.field.completed(values, level, run)

    async def _called(self, objects: list[Any], given: dict[str, Any]) -> list[Any]:
        if not self.together:
            return [attempted(lambda item: self.resolve(item, **given), item) for item in objects]
        if len(objects) == 1:
            return [await awaited(self.resolve, objects[0], **given)]
        return await asyncio.gather(*(awaited(self.resolve, item, **given) for item in objects))

    def _handled(self, value: Any, asked: Asked) -> Any:
        if not isinstance(value, Exception) or self.handle is None:
            return value
        handled = attempted(self.handle, value, asked)
        return value if handled is None else handled


@dataclass(frozen=True, slots=True)
class Loaded:
    """A field that loads: one call for the level."""

    field: Field
    load: Load
    columns: tuple[str, ...] | None
    together: bool = True

    @property
    def needs(self) -> frozenset[str] | None:
        """The columns that it looks at; all of them where it takes objects."""
        return None if self.columns is None else frozenset(self.columns)

    async def cells(self, level: Level, run: Run) -> list[Any]:
        """The values of all objects; an exception is the error of every one."""
        values = self.field.given(run)
        if not isinstance(values, Exception):
            info = Asked(run.context, self.field.spot.name)
            items = level.objects if self.columns is None else level.rows
            values = await awaited(self.load, info, items, **values) if items else []
        if isinstance(values, Exception):
            values = [values] * len(level)
        return await self.field.completed(values, level, run)


@dataclass(frozen=True, slots=True)
class Known:
    """A field of which the objects may know enough: it is loaded only where something else is selected.

    `shown` are the columns that are selected; `rows` completes what is known.
    """

    loaded: Loaded
    name: str
    shown: frozenset[str] | None
    rows: Completion
    needs: None = None
    together: bool = True

    async def cells(self, level: Level, run: Run) -> list[Any]:
        """What the write returned, or the whole rows."""
        known = [item.written.get(self.name) for item in level.objects]
        if self.shown is None or not all(row is None or self.shown <= row.keys() for row in known):
            return await self.loaded.cells(level, run)
        return await self.rows.complete(known, level.at(self.loaded.field.key), run)


@dataclass(frozen=True, slots=True)
class Itself:
    """The field of a subscription: the root object is its value."""

    field: Field
    needs: None = None
    together: bool = False

    async def cells(self, level: Level, run: Run) -> list[Any]:
        """The items that are followed."""
        return await self.field.completed(level.objects, level, run)
