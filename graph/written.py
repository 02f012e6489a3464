"""Payloads of mutations: what a write returned is shown as it is, and nothing read again for it.

A payload holds `written`: for each of its fields the columns that the write returned, its key among them. The
rest of a row is loaded when, and only when, something else is selected.
"""

from collections.abc import Sequence
from typing import Any

import strawberry

from db.errors import NotFound
from db.queries.pages import Row
from graph.auth.scopes import WRITE, Requires
from graph.context import Info
from graph.loaded import loaded
from graph.loaders import Load
from graph.nodes import Node, required_rows

Columns = dict[str, Any]


@strawberry.type
class Written:
    """The base of payloads that show nodes."""

    written: strawberry.Private[dict[str, Columns | None]]


def written(
    name: str,
    shown: type[Node],
    description: str,
    *,
    optional: bool = False,
    scope: Requires = WRITE,
) -> Any:
    """A field that shows the node of which `written` has columns; null where it has none (`optional`).

    Who may write may see what was written: `scope` is the mutation's own.
    """
    kind, source = shown.kind, shown.source

    async def load(info: Info, payloads: Sequence[Written]) -> list[Row | NotFound | None]:
        known = [payload.written.get(name) for payload in payloads]
        keys: list[Any] = [
            tuple([columns[part.column] for part in source.key]) for columns in known if columns is not None
        ]
        found = iter(await required_rows(info, kind, keys))
        return [None if columns is None else next(found) for columns in known]

    type_shown: Any = shown | None if optional else shown
    return loaded(load, type_shown, description, source=source, written=name, scope=scope)


def written_by(name: str, load: Load, shown: type[Node], description: str) -> Any:
    """The same for a node that `load` finds in another way than by its key."""
    return loaded(load, shown, description, written=name, scope=WRITE)
