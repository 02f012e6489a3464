"""A connection over a whole level: one statement for all parents, and the pages cut from its rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from db.queries import pages
from db.queries.pages import Page, Row
from graph import cursors
from graph.connections import COUNT_CAP, Connection, ConnectionFetch, Paging
from graph.execution.columns import Arguments
from graph.execution.completion import Objects
from graph.execution.level import HandOver, Level, Run
from graph.inputs.common import chosen_order
from graph.loaders import PageKey


@dataclass(frozen=True, slots=True)
class Fetched:
    """The pages of all parents, and what they were asked by."""

    key: PageKey
    parents: list[tuple[Any, ...]]
    pages: list[Page]
    counts: dict[int, list[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Nodes:
    """The items of every page, through a plan for their type: `nodes`, and `node` of the edges."""

    plan: Objects
    build: Callable[[Row], Any]

    async def values(self, fetched: Fetched, run: Run) -> list[Any]:
        """All items of the level at once, then cut into pages."""
        rows = [row for page in fetched.pages for row in page.rows]
        answers = await self.plan.answer(Level(rows=rows, build=self.build), run) if rows else []
        cut, at = [], 0
        for page in fetched.pages:
            cut.append(answers[at : at + len(page.rows)])
            at += len(page.rows)
        return cut


@dataclass(frozen=True, slots=True)
class Edges:
    """`edges`: response keys, each with a plan for the node, None for the cursor, or the type's name."""

    entries: tuple[tuple[str, Nodes | str | None], ...]

    async def values(self, fetched: Fetched, run: Run) -> list[Any]:
        """Columns over all edges of the level, as elsewhere."""
        columns: list[list[list[Any]]] = []
        window = fetched.key.window
        name = cursors.ordering(fetched.key.relation.source, window.order, window.descending)
        for _, what in self.entries:
            if isinstance(what, Nodes):
                columns.append(await what.values(fetched, run))
            elif what is None:
                columns.append(
                    [[cursors.encode(name, window.place(row)) for row in page.rows] for page in fetched.pages]
                )
            else:
                columns.append([[what] * len(page.rows) for page in fetched.pages])
        keys = [key for key, _ in self.entries]
        return [
            [dict(zip(keys, values, strict=True)) for values in zip(*lists, strict=True)]
            for lists in zip(*columns, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Place:
    """`pageInfo`, by the ordinary resolver: there is one a page."""

    plan: Objects

    async def values(self, fetched: Fetched, run: Run) -> list[Any]:
        """Through a plan for its type."""
        infos = [Connection(page=page, key=fetched.key).page_info() for page in fetched.pages]
        return list(await self.plan.answer(Level(objects=infos), run))


@dataclass(frozen=True, slots=True)
class Count:
    """`totalCount`, or whether it is exact."""

    arguments: Arguments
    exact: bool

    async def values(self, fetched: Fetched, run: Run) -> list[Any]:
        """One statement for all parents."""
        cap = self.arguments(run).get("up_to", COUNT_CAP)
        if not 0 <= cap <= COUNT_CAP:
            raise HandOver
        if cap not in fetched.counts:
            key = fetched.key
            async with run.context.loaders.reading() as connection:
                fetched.counts[cap] = await pages.count_children(
                    connection, key.relation, fetched.parents, key.narrowed, cap
                )
        return [count <= cap if self.exact else min(cap, count) for count in fetched.counts[cap]]


@dataclass(frozen=True, slots=True)
class Named:
    """`__typename` of the connection."""

    name: str

    async def values(self, fetched: Fetched, run: Run) -> list[Any]:
        """The same for all."""
        return [self.name] * len(fetched.pages)


@dataclass(frozen=True, slots=True)
class Paged:
    """A connection field: what it fetches, and what the document shows of it."""

    fetch: ConnectionFetch
    arguments: Arguments
    entries: tuple[tuple[str, Nodes | Edges | Place | Count | Named], ...]

    async def values(self, level: Level, run: Run) -> list[Any]:
        """A page for each object of the level."""
        fetched = await self._fetched(level, run)
        columns = [await entry.values(fetched, run) for _, entry in self.entries]
        keys = [key for key, _ in self.entries]
        return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]

    async def _fetched(self, level: Level, run: Run) -> Fetched:
        given, listing, relation = self.arguments(run), self.fetch.listing, self.fetch.relation
        narrowed = await listing.narrow(run.info, given.get("filter"))
        order = chosen_order(given.get("order_by"), listing.default_order)
        paging = Paging(*(given.get(name) for name in ("first", "after", "last", "before")))
        window = paging.window(relation.source, *order, listing.largest)
        key = PageKey(relation, narrowed, window, ())
        known: Fetched | None = level.fetched.get(key)
        if known is None:
            known = level.fetched[key] = await self._fetch(level, run, key)
        return known

    async def _fetch(self, level: Level, run: Run, key: PageKey) -> Fetched:
        relation, narrowed, window, _ = key
        parents = [self.fetch.parent(row) for row in level.rows] if relation.parent else [()]
        loaders = run.context.loaders
        async with loaders.reading() as connection:
            if relation.parent:
                found = await pages.fetch_pages(connection, relation, parents, narrowed, window)
            else:
                found = [await pages.fetch_page(connection, relation, narrowed, window)]
        loaders.spend(found)
        return Fetched(key, parents, found)
