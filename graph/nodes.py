"""The Node interface, and how nodes are found by their ids."""

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Self, TypeVar

import strawberry

from db.enums import Scope
from db.errors import NotFound
from db.queries.pages import Row
from db.queries.sources import Source
from graph.auth.errors import Forbidden
from graph.builders import shown_as
from graph.context import Info
from graph.ids import Key, Kind, encode


@strawberry.interface(description="Anything that has an id of its own and can be fetched by it.")
class Node:
    """The base of all types that are rows: a plain attribute shows the column of the same name."""

    kind: ClassVar[Kind]
    source: ClassVar[Source]
    shown: ClassVar[tuple[str, ...]]

    row: strawberry.Private[Row]
    id: strawberry.ID = strawberry.field(description="Opaque, unique over all types, and stable.")

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """The object for a row of the type's table."""
        key = (row[part.column] for part in cls.source.key)
        return cls(
            row=row, id=strawberry.ID(encode(cls.kind, *key)), **{name: row[name] for name in cls.shown}
        )


_BY_KIND: dict[Kind, type[Node]] = {}
_LOADERS: dict[Kind, Callable[[Info, list[Any]], Awaitable[Sequence[Node | Exception]]]] = {}
_SCOPES: dict[Kind, Scope] = {}

T = TypeVar("T", bound=type[Node])
N = TypeVar("N", bound=Node)


def node_of(kind: Kind, source: Source, scope: Scope | None = None) -> Callable[[T], T]:
    """Register a type as what the rows of `source` become.

    `scope` is what it takes to load one by its id, whichever field asks, beyond what that field takes.
    """

    def register(cls: T) -> T:
        own = (field.name for field in dataclasses.fields(cls) if field.init)
        cls.kind, cls.source = kind, source
        cls.shown = tuple(name for name in own if name not in ("row", "id"))
        _BY_KIND[kind] = cls
        shown_as(source, cls.from_row)
        if scope is not None:
            _SCOPES[kind] = scope
        return cls

    return register


def loaded_by(kind: Kind, load: Callable[[Info, list[Any]], Awaitable[Sequence[Node | Exception]]]) -> None:
    """Register how nodes are found that are no rows of their own: by their keys, exceptions among them."""
    _LOADERS[kind] = load


async def load(info: Info, shown: type[N], key: Key) -> N:
    """The node of this type with this key; raises as `load_node` does."""
    node = await load_node(info, shown.kind, key)
    assert isinstance(node, shown)
    return node


async def load_node(info: Info, kind: Kind, key: Key) -> Node:
    """The node with this key; raises `NotFound`, `Forbidden` for a kind that takes more than the field."""
    scope = _SCOPES.get(kind)
    if scope is not None and not info.context.principal.may(scope):
        raise Forbidden(scope)
    if kind in _LOADERS:
        (node,) = await _LOADERS[kind](info, [key])
        if isinstance(node, Exception):
            raise node
        return node
    (row,) = await required_rows(info, kind, [key])
    if isinstance(row, NotFound):
        raise row
    return _BY_KIND[kind].from_row(row)


async def load_nodes(info: Info, kind: Kind, keys: list[Key]) -> list[Node | Exception]:
    """The nodes with these keys, from one statement; an exception for each that can't be shown."""
    scope = _SCOPES.get(kind)
    if scope is not None and not info.context.principal.may(scope):
        return [Forbidden(scope)] * len(keys)
    if kind in _LOADERS:
        return list(await _LOADERS[kind](info, keys))
    shown = _BY_KIND[kind]
    rows = await required_rows(info, kind, keys)
    return [row if isinstance(row, NotFound) else shown.from_row(row) for row in rows]


async def required_rows(info: Info, kind: Kind, keys: Sequence[Key]) -> list[Row | NotFound]:
    """The rows of the nodes with these keys; `NotFound` for those that are not there."""
    found = await info.context.loaders.fetch_rows(_BY_KIND[kind].source, keys)
    return [
        NotFound(kind.noun, encode(kind, *key)) if row is None else row
        for key, row in zip(keys, found, strict=True)
    ]
