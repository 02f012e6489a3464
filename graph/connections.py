"""Relay connections over keyset pages: arguments in, a page out, nothing fetched that is not selected."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from db.errors import InvalidInput
from db.queries.pages import Page, Row, Window
from db.queries.predicates import Filter
from db.queries.sources import Relation, Source
from graph import cursors
from graph.auth.scopes import READ, Requires
from graph.context import Info
from graph.inputs.common import chosen_order, given
from graph.loaders import CountKey, PageKey
from graph.nodes import build

T = TypeVar("T")

DEFAULT_PAGE = 50
LARGEST_PAGE = 500
LARGEST_LOG_PAGE = 1000
COUNT_CAP = 10_000
LARGEST_COUNT_CAP = 1_000_000_000

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


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    """Relay's connection; holds rows, and makes objects and cursors only of what is selected."""

    page: strawberry.Private[Page]
    key: strawberry.Private[PageKey]
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
        rows, window = self.page.rows, self.key.window
        return PageInfo(
            has_next_page=window.before is not None or (self.page.more and not window.backward),
            has_previous_page=window.after is not None or (self.page.more and window.backward),
            start_cursor=self._cursor(rows[0]) if rows else None,
            end_cursor=self._cursor(rows[-1]) if rows else None,
        )

    @strawberry.field(
        description="How many items the list has, over all pages, counted up to `upTo`.", directives=[READ]
    )
    async def total_count(self, info: Info, up_to: UpTo = COUNT_CAP) -> int:
        """Counted only when selected."""
        return min(up_to, await self._count(info, up_to))

    @strawberry.field(
        description="Whether `totalCount` with the same `upTo` is the whole number.", directives=[READ]
    )
    async def total_count_is_exact(self, info: Info, up_to: UpTo = COUNT_CAP) -> bool:
        """Shares the count's statement."""
        return await self._count(info, up_to) <= up_to

    async def _count(self, info: Info, up_to: int) -> int:
        if not 0 <= up_to <= LARGEST_COUNT_CAP:
            raise InvalidInput(f"`upTo` can be 0 to {LARGEST_COUNT_CAP}; it was {up_to}.")
        key = CountKey(self.key.relation, self.key.narrowed, up_to, self.key.parent)
        return await info.context.loaders.counts.load(key)

    def _nodes(self) -> list[Any]:
        if self.made is None:
            self.made = [build(self.key.relation.source, row) for row in self.page.rows]
        return self.made

    def _cursor(self, row: Row) -> str:
        window = self.key.window
        name = cursors.ordering(self.key.relation.source, window.order, window.descending)
        return cursors.encode(name, window.place(row))


async def connect(
    info: Info,
    relation: Relation,
    parent: tuple[Any, ...],
    narrowed: Filter,
    order: tuple[str, bool],
    paging: Paging,
    largest: int = LARGEST_PAGE,
) -> Connection[Any]:
    """The page of `parent`'s children that the arguments ask for; `order` is (name, descending).

    Raises `InvalidInput` for arguments that can't be followed.
    """
    window = paging.window(relation.source, *order, largest)
    key = PageKey(relation, narrowed, window, parent)
    page = await info.context.loaders.pages.load(key)
    return Connection(page=page, key=key)


@dataclass(frozen=True, slots=True)
class Listing:
    """How one kind of list is narrowed and ordered.

    `filtered` and `ordered` are the types of the arguments `filter` and `orderBy`; `narrow` turns the first
    into what `db` narrows by, and may raise what is wrong with it; `default_order` is (name, descending).
    """

    filtered: object
    ordered: object
    narrow: Callable[[Info, Any], Awaitable[Filter]]
    default_order: tuple[str, bool]
    largest: int = LARGEST_PAGE


NO_ROW: Any = None


def at_root(row: Row) -> tuple[()]:
    """The parent of a list that belongs to nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class ConnectionFetch:
    """What a connection field fetches, for who fetches whole levels at once."""

    relation: Relation
    listing: Listing
    parent: Callable[[Row], tuple[Any, ...]]


FETCH = "fetch"


def connection(
    relation: Relation,
    node: object,
    listing: Listing,
    parent: Callable[[Row], tuple[Any, ...]],
    description: str,
    scope: Requires = READ,
) -> Any:
    """A field that lists the rows of `relation` that belong to the object it stands on.

    `node` is the type of the items, `parent` takes the parent's key from its row, `scope` is what a caller
    needs. All such fields of a level that are asked for alike take one statement.
    """

    async def resolve(
        self: Any,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: Any = strawberry.UNSET,
        order_by: Any = strawberry.UNSET,
    ) -> Any:
        narrowed = await listing.narrow(info, filter)
        order = chosen_order(order_by, listing.default_order)
        paging = Paging(first, after, last, before)
        return await connect(
            info, relation, parent(getattr(self, "row", NO_ROW)), narrowed, order, paging, listing.largest
        )

    shown = Connection[node]  # type: ignore[valid-type]
    resolve.__annotations__ |= {"filter": listing.filtered, "order_by": listing.ordered, "return": shown}
    fetch = ConnectionFetch(relation, listing, parent)
    return strawberry.field(
        resolver=resolve, description=description, directives=[scope], metadata={FETCH: fetch}
    )
