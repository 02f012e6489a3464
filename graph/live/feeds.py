"""The three feeds: the events of an execution, its log entries, and changes to any execution.

A feed knows how its positions are written as cursors and read back, how the end is found, and how what comes
after a position is read. `Feed` is hashable: all who follow the same one share its `Stream`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol
from uuid import UUID

from db.engine import Connection
from db.errors import NotFound
from db.queries.feeds import Commit, commit_of, fetch_after, fetch_changes, fetch_heads, fetch_horizon
from db.queries.filters import ExecutionFilter
from db.queries.pages import Row
from db.queries.predicates import Filter
from db.queries.sources import EVENTS, LOG_ENTRIES, Source
from graph import cursors
from graph.cursors import FEED_PLACES

Position = Any


@dataclass(slots=True)
class Item:
    """One row of a feed and its position there; `encoded` holds its answers by the document's shape."""

    position: Position
    row: Row
    encoded: dict[Any, Any] = field(default_factory=dict)


class News(NamedTuple):
    """What came after a position, and the position `head` up to which nothing is missing.

    `end` is after all that had been committed when it was read: a head from there on tells of all of it.
    """

    items: list[Item]
    head: Position
    end: Position


class Feed(Protocol):
    """What can be followed."""

    @property
    def beginning(self) -> Position:
        """The position before all items."""
        ...

    @property
    def execution_id(self) -> UUID | None:
        """The execution that the feed belongs to, if it is one execution's."""
        ...

    def cursor(self, position: Position) -> str:
        """A position as clients keep it."""
        ...

    def position(self, cursor: str) -> Position:
        """The position that a cursor names; raises `InvalidInput`."""
        ...

    async def end(self, connection: Connection) -> Position:
        """The position after all that can be seen now; raises `NotFound`."""
        ...

    async def after(self, connection: Connection, position: Position, limit: int) -> News:
        """At most `limit` items after a position."""
        ...


@dataclass(frozen=True, slots=True)
class ExecutionFeed:
    """The events or the log entries of one execution, narrowed."""

    source: Source
    execution_id: UUID
    narrowed: Filter

    beginning: ClassVar[int] = 0

    def cursor(self, position: Position) -> str:
        """The entry's seq, by the codec of lists: the cursor is good for both."""
        return cursors.encode(self._name(), (position,))

    def position(self, cursor: str) -> Position:
        """The seq."""
        (seq,) = cursors.decode(cursor, self.source, self.source.order("SEQ"), descending=False)
        return seq

    async def end(self, connection: Connection) -> Position:
        """The execution's counter."""
        heads = await fetch_heads(connection, [self.execution_id])
        if self.execution_id not in heads:
            raise NotFound("execution", f"exec_{self.execution_id.hex}")
        return self.head(heads[self.execution_id])

    async def after(self, connection: Connection, position: Position, limit: int) -> News:
        """The execution's next rows."""
        end = await self.end(connection)
        (rows,) = await fetch_after(
            connection, self.source, [(self.execution_id, position)], self.narrowed, limit
        )
        return self.news(rows, end, limit)

    def head(self, heads: Any) -> int:
        """The counter that numbers the feed's rows."""
        head: int = heads.event_seq if self.source is EVENTS else heads.log_seq
        return head

    def news(self, rows: Sequence[Row], end: int, limit: int) -> News:
        """Rows that were read after the counter stood at `end`: up to there nothing is missing."""
        items = [Item(row["seq"], row) for row in rows]
        last = items[-1].position if items else 0
        return News(items, last if len(items) == limit else max(last, end), end)

    def _name(self) -> str:
        return cursors.ordering(self.source, self.source.order("SEQ"), descending=False)


@dataclass(frozen=True, slots=True)
class ChangesFeed:
    """The events of all executions that a filter takes and their deletions, in the order of commits."""

    narrowed: ExecutionFilter

    beginning: ClassVar[Commit] = Commit(0)
    execution_id: ClassVar[None] = None

    def cursor(self, position: Position) -> str:
        """Transaction, execution, seq."""
        return cursors.encode(_CHANGES, tuple(position))

    def position(self, cursor: str) -> Position:
        """Back from there."""
        return Commit(*cursors.decode_named(cursor, _CHANGES, FEED_PLACES))

    async def end(self, connection: Connection) -> Position:
        """The oldest transaction that is still open."""
        return await fetch_horizon(connection)

    async def after(self, connection: Connection, position: Position, limit: int) -> News:
        """The next events."""
        changes = await fetch_changes(connection, position, self.narrowed, limit)
        return News([Item(commit_of(row), row) for row in changes.rows], changes.head, changes.end)


_CHANGES = "changes"


def events_of(execution_id: UUID, narrowed: Filter) -> ExecutionFeed:
    """The events of an execution."""
    return ExecutionFeed(EVENTS, execution_id, narrowed)


def logs_of(execution_id: UUID, narrowed: Filter) -> ExecutionFeed:
    """The log entries of an execution."""
    return ExecutionFeed(LOG_ENTRIES, execution_id, narrowed)
