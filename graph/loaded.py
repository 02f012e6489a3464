"""Fields that load: one function of a level, which every way of answering calls.

`loaded` makes a field of a function that is given all objects of a level, and gives their values in the same
order; an exception among them is the error of that one. The executor calls it once a level. Strawberry alone
reaches it through a dataloader, which puts the objects of a level together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import strawberry

from db.queries.pages import Row
from db.queries.sources import Source
from graph.auth.scopes import READ, Requires
from graph.builders import build
from graph.context import Info
from graph.loaders import Load

LEVEL = "level"


@dataclass(frozen=True, slots=True)
class LevelLoad:
    """How a field is loaded.

    `columns` are those of the rows that `load` looks at, None for objects; the values are rows of `source`,
    or lists of them, where there is one. `written` names what the object knows of the value by itself.
    """

    load: Load
    columns: tuple[str, ...] | None
    source: Source | None
    written: str | None


def loaded(
    load: Load,
    shown: object,
    description: str,
    *columns: str,
    source: Source | None = None,
    written: str | None = None,
    scope: Requires = READ,
) -> Any:
    """A field of type `shown` with the parameters of `load` after its first two as arguments.

    With `columns`, `load` is given rows that have at least these; without, the objects. With `source`, it
    gives rows of that instead of objects.
    """
    how = LevelLoad(load, columns or None, source, written)

    async def resolve(self: Any, info: Info, **arguments: Any) -> Any:
        value = await info.context.loaders.level(load, info, arguments).load(self.row if columns else self)
        if isinstance(value, list):
            return [_object(source, item) for item in value]
        return _object(source, value)

    _, _, *extra = signature(load).parameters.values()
    resolve.__signature__ = signature(load).replace(  # type: ignore[attr-defined]
        parameters=[
            Parameter("self", Parameter.POSITIONAL_OR_KEYWORD),
            Parameter("info", Parameter.POSITIONAL_OR_KEYWORD, annotation=Info),
            *extra,
        ],
        return_annotation=shown,
    )
    resolve.__module__ = load.__module__
    return strawberry.field(
        resolver=resolve,
        description=description,
        directives=[scope],
        metadata={LEVEL: how},
    )


def _object(source: Source | None, value: Any) -> Any:
    return value if source is None or value is None else build(source, value)


def reference(
    source: Source, columns: tuple[str, ...], shown: object, description: str, scope: Requires = READ
) -> Any:
    """A field that shows the row whose key is in these columns; null where they are, or where it is gone."""

    async def load(info: Info, rows: Sequence[Row]) -> list[Row | None]:
        keys = [tuple([row[column] for column in columns]) for row in rows]
        wanted = [key for key in keys if None not in key]
        found = iter(await info.context.loaders.fetch_rows(source, wanted))
        return [None if None in key else next(found) for key in keys]

    return loaded(load, shown, description, *columns, source=source, scope=scope)


async def fetch_listed(
    info: Info, source: Source, lists: Sequence[Sequence[tuple[Any, ...]]]
) -> list[list[Row]]:
    """The rows of each list of keys, from one statement; those that are gone are left out."""
    found = iter(await info.context.loaders.fetch_rows(source, [key for keys in lists for key in keys]))
    return [[row for _ in keys if (row := next(found)) is not None] for keys in lists]
