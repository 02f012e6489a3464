"""Connections over a whole level: one statement for all parents, and the pages cut from its rows."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from db.queries.pages import Row
from graph import cursors
from graph.connections import Connection, Fetch
from graph.execution.completion import Completion, cut, item_path, settled
from graph.execution.errors import awaited
from graph.execution.fields import Field
from graph.execution.plan import Asked, Level, ObjectPlan, Run
from graph.keys import Pages


@dataclass(frozen=True, slots=True)
class Paged:
    """A connection field: a page for each object of the level."""

    field: Field
    fetch: Fetch
    needs: frozenset[str] | None
    columns: frozenset[str] | None
    together: bool = False

    async def cells(self, level: Level, run: Run) -> list[Any]:
        """Connections, each with its page; two that ask alike share them."""
        values = self.field.given(run)
        if not isinstance(values, Exception):
            values = await awaited(self._connections, level, run, values)
        if isinstance(values, Exception):
            values = [values] * len(level)
        return await self.field.completed(values, level, run)

    async def _connections(self, level: Level, run: Run, given: dict[str, Any]) -> list[Connection[Any]]:
        info: Any = Asked(run.context, self.field.spot.name)
        asked = await self.fetch.asked(info, given)
        found: list[Connection[Any]] | None = level.fetched.get(asked)
        if found is None:
            rows = level.rows if self.fetch.parent else level.objects
            found = level.fetched[asked] = await self.fetch.pages(info, asked, rows, self.columns)
        return found


class Edges(Level):
    """The edges of a level of connections: rows, and what was asked for them."""

    __slots__ = ("asked",)
    asked: Pages


@dataclass(frozen=True, slots=True)
class Items:
    """`nodes` and `edges` of connections: the rows of all their pages as one level."""

    key: str
    plan: ObjectPlan
    build: Callable[[Row], Any]
    item: Completion
    pages: Completion
    needs: None = None
    together: bool = False

    async def cells(self, level: Level, run: Run) -> list[Any]:
        """All items of the level at once, then cut into pages."""
        sizes = [len(connection.page.rows) for connection in level.objects]
        rows = list(chain.from_iterable(connection.page.rows for connection in level.objects))
        path = item_path(level.at(self.key), sizes)
        cells: list[Any] = []
        if rows:
            edges = Edges(path, rows=rows, build=self.build)
            edges.asked = level.objects[0].asked
            cells = await self.plan.answer(edges, run)
        if run.errors.bubbling:
            cells = [settled(self.item, cell, path, at, run) for at, cell in enumerate(cells)]
        return cut(self.pages, cells, sizes, level.at(self.key), run)


@dataclass(frozen=True, slots=True)
class Cursor:
    """`cursor` of edges."""

    needs: frozenset[str] = frozenset()
    together: bool = False

    async def cells(self, level: Level, run: Run) -> list[Any]:
        """The places of the rows."""
        assert isinstance(level, Edges)
        window = level.asked.window
        name = cursors.ordering(level.asked.relation.source, window.order, window.descending)
        return [cursors.encode(name, window.place(row)) for row in level.rows]


@dataclass(frozen=True, slots=True)
class Inside:
    """`node` of edges: the same rows, as what they become."""

    key: str
    plan: ObjectPlan
    build: Callable[[Row], Any]
    completion: Completion
    together: bool = False

    @property
    def needs(self) -> frozenset[str] | None:
        """What the nodes need."""
        return self.plan.needs

    async def cells(self, level: Level, run: Run) -> list[Any]:
        """The same level by another plan."""
        path = level.at(self.key)
        cells = await self.plan.answer(Level(path, rows=level.rows, build=self.build), run)
        if run.errors.bubbling:
            cells = [settled(self.completion, cell, path, at, run) for at, cell in enumerate(cells)]
        return cells
