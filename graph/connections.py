"""Relay connections over keyset pages: arguments in, a page out, nothing fetched that is not selected."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from db.errors import InvalidInput
from db.queries.pages import Page, Row, Window
from db.queries.predicates import Filter
from db.queries.sources import Relation, Source
from graph import cursors
from graph.arguments import COUNT_CAP, DEFAULT_PAGE, LARGEST_COUNT_CAP, LARGEST_PAGE, chosen_order, given
from graph.auth.scopes import READ, Requires
from graph.builders import build
from graph.context import Info
from graph.keys import Pages
from graph.loaded import loaded

T = TypeVar("T")


First = Annotated[
    int | None,
    strawberry.argument(description="How many from the start; 50 when neither `first` nor `last` is given."),
]
After = Annotated[str | None, strawberry.argument(description="Only what comes after this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="How many from the end.")]
Before = Annotated[str | None, strawberry.argument(description="Only what comes before this cursor.")]
UpTo = Annotated[
    int, strawberry.argument(description="Count no further than this: the cost of a count is what it counts.")
]


@dataclass(frozen=True, slots=True)
class Paging:
    """A connection's arguments as they came."""

    first: int | None
    after: str | None
    last: int | None
    before: str | None

    def window(self, source: Source, order: str, descending: bool, largest: int) -> Window:
        """The window that the arguments ask for; raises `InvalidInput`."""
        first, last = given(self.first), given(self.last)
        if first is not None and last is not None:
            raise InvalidInput("Give either `first` or `last`, not both.")
        name, size = ("first", first) if last is None else ("last", last)
        if size is None:
            size = DEFAULT_PAGE
        if size < 0:
            raise InvalidInput(f"`{name}` can't be negative; it was {size}.")
        if size > largest:
            raise InvalidInput(
                f"`{name}` can be at most {largest}; it was {size}. Fetch the rest page by page."
            )
        ordering = source.order(order)
        after, before = (
            None if cursor is None else cursors.decode(cursor, source, ordering, descending)
            for cursor in (given(self.after), given(self.before))
        )
        return Window(ordering, descending, size, after, before, backward=last is not None)


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = strawberry.field(description="Whether there is more after this page.")
    has_previous_page: bool = strawberry.field(description="Whether there is more before this page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the page's first item.")
    end_cursor: str | None = strawberry.field(description="The cursor of the page's last item.")


@strawberry.type(description="An item of a list, with its place there.")
class Edge(Generic[T]):
    """Relay's edge."""

    cursor: str = strawberry.field(description="The item's place, for `after` and `before`.")
    node: T = strawberry.field(description="The item.")


async def _counted(
    info: Info, connections: Sequence["Connection[Any]"], up_to: int
) -> list[tuple[int, bool]]:
    """The number of items, up to a cap, and whether that is all: one statement for all pages of a level."""
    if not 0 <= up_to <= LARGEST_COUNT_CAP:
        raise InvalidInput(f"`upTo` can be 0 to {LARGEST_COUNT_CAP}; it was {up_to}.")
    counts = [0] * len(connections)
    alike: dict[int, list[int]] = {}
    for at, connection in enumerate(connections):
        alike.setdefault(id(connection.asked), []).append(at)
    for places in alike.values():
        asked, parents = connections[places[0]].asked, [connections[at].parent for at in places]
        for at, count in zip(places, await info.context.loaders.count(asked, parents, up_to), strict=True):
            counts[at] = count
    return [(min(up_to, count), count <= up_to) for count in counts]


async def _total_counts(
    info: Info, connections: Sequence["Connection[Any]"], up_to: UpTo = COUNT_CAP
) -> list[int]:
    return [count for count, _ in await _counted(info, connections, up_to)]


async def _counts_are_exact(
    info: Info, connections: Sequence["Connection[Any]"], up_to: UpTo = COUNT_CAP
) -> list[bool]:
    return [exact for _, exact in await _counted(info, connections, up_to)]


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    """Relay's connection; holds rows, and makes objects and cursors only of what is selected."""

    page: strawberry.Private[Page]
    asked: strawberry.Private[Pages]
    parent: strawberry.Private[tuple[Any, ...]]
    made: strawberry.Private[list[Any] | None] = None

    @strawberry.field(description="The items of the page, each with its cursor.")
    def edges(self) -> list[Edge[T]]:
        """Objects and cursors."""
        return [
            Edge(cursor=self._cursor(row), node=node)
            for row, node in zip(self.page.rows, self._nodes(), strict=True)
        ]

    @strawberry.field(description="The items of the page.")
    def nodes(self) -> list[T]:
        """Objects alone."""
        return self._nodes()

    @strawberry.field(description="Where the page lies in the list.")
    def page_info(self) -> PageInfo:
        """What can be known without another statement: beyond a given cursor there is its own row."""
        rows, window = self.page.rows, self.asked.window
        return PageInfo(
            has_next_page=window.before is not None or (self.page.more and not window.backward),
            has_previous_page=window.after is not None or (self.page.more and window.backward),
            start_cursor=self._cursor(rows[0]) if rows else None,
            end_cursor=self._cursor(rows[-1]) if rows else None,
        )

    total_count = loaded(
        _total_counts, int, "How many items the list has, over all pages, counted up to `upTo`."
    )
    total_count_is_exact = loaded(
        _counts_are_exact, bool, "Whether `totalCount` with the same `upTo` is the whole number."
    )

    def _nodes(self) -> list[Any]:
        if self.made is None:
            self.made = [build(self.asked.relation.source, row) for row in self.page.rows]
        return self.made

    def _cursor(self, row: Row) -> str:
        window = self.asked.window
        name = cursors.ordering(self.asked.relation.source, window.order, window.descending)
        return cursors.encode(name, window.place(row))


@dataclass(frozen=True, slots=True)
class Listing:
    """How one kind of list is narrowed and ordered.

    `filtered` and `ordered` are the types of the arguments `filter` (None for a list without) and
    `orderBy`; `narrow` turns the first into what `db` narrows by, and may raise what is wrong with it;
    `default_order` is (name, descending).
    """

    filtered: object
    ordered: object
    narrow: Callable[[Info, Any], Awaitable[Filter]]
    default_order: tuple[str, bool]
    largest: int = LARGEST_PAGE


@dataclass(frozen=True, slots=True)
class Fetch:
    """What a connection field fetches: of `relation`, by the key that `parent` names in the parents' rows."""

    relation: Relation
    listing: Listing
    parent: tuple[str, ...]

    async def asked(self, info: Info, given: Mapping[str, Any]) -> Pages:
        """What the arguments of the field ask for; raises `InvalidInput`, and what is wrong with a filter."""
        listing, source = self.listing, self.relation.source
        narrowed = await listing.narrow(info, given.get("filter", strawberry.UNSET))
        order = chosen_order(given.get("order_by"), listing.default_order)
        paging = Paging(*(given.get(name) for name in ("first", "after", "last", "before")))
        return Pages(self.relation, narrowed, paging.window(source, *order, listing.largest))

    async def pages(
        self, info: Info, asked: Pages, rows: Sequence[Row], columns: frozenset[str] | None = None
    ) -> list[Connection[Any]]:
        """The page of each parent, from one statement; `rows` are the parents'."""
        parents = [tuple([row[name] for name in self.parent]) for row in rows]
        found = await info.context.loaders.fetch_pages(asked, parents, columns)
        return [
            Connection(page=page, asked=asked, parent=parent)
            for page, parent in zip(found, parents, strict=True)
        ]


FETCH = "fetch"


def connection(
    relation: Relation,
    node: object,
    listing: Listing,
    parent: tuple[str, ...],
    description: str,
    scope: Requires = READ,
) -> Any:
    """A field that lists the rows of `relation` that belong to the object it stands on.

    `node` is the type of the items, `parent` names the columns of its row that `relation` is tied to, `scope`
    is what a caller needs. Of the root, without a parent, it can be null: where it fails, what was asked
    beside it is answered. All such fields of a level that are asked for alike take one statement.
    """
    fetch = Fetch(relation, listing, parent)

    async def load(
        info: Info,
        rows: Sequence[Row],
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: Any = strawberry.UNSET,
        order_by: Any = strawberry.UNSET,
    ) -> Sequence[Any]:
        given = {"first": first, "after": after, "last": last, "before": before}
        asked = await fetch.asked(info, {**given, "filter": filter, "order_by": order_by})
        return await fetch.pages(info, asked, rows)

    load.__annotations__ |= {"filter": listing.filtered, "order_by": listing.ordered}
    if listing.filtered is None:
        own = signature(load)
        kept = [part for name, part in own.parameters.items() if name != "filter"]
        load.__signature__ = own.replace(parameters=kept)  # type: ignore[attr-defined]
    kind = Connection[node]  # type: ignore[valid-type]
    field = loaded(load, kind if parent else kind | None, description, *parent, scope=scope)
    field.metadata = {**field.metadata, FETCH: fetch}
    return field
