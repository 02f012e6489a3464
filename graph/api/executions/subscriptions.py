"""`executionEvents`, `executionLogs`, `executionChanges`."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any

import strawberry

from db.errors import InvalidInput
from db.queries import filters
from db.queries.pages import Row
from db.queries.sources import EXECUTIONS
from graph.api.executions.filters import ExecutionFilter, execution_filter
from graph.api.executions.types import Execution
from graph.api.records.types import Event, LogEntry
from graph.arguments import given
from graph.auth.scopes import READ
from graph.context import Info
from graph.enums import FeedStart, LogLevel
from graph.ids import Kind, decode_as, encode
from graph.live.feeds import ChangesFeed, Feed, events_of, logs_of
from graph.live.following import Following, follow
from graph.loaded import reference

ExecutionId = Annotated[strawberry.ID, strawberry.argument(description="Which execution.")]
After = Annotated[
    str | None,
    strawberry.argument(
        description="Only what comes after this cursor: the last one seen resumes where it stopped."
    ),
]
Start = Annotated[
    FeedStart | None,
    strawberry.argument(description="Where to start without a cursor; BEGINNING by default."),
]
StartNow = Annotated[
    FeedStart | None, strawberry.argument(description="Where to start without a cursor; NOW by default.")
]


@strawberry.type(description="An event of the followed execution.")
class ExecutionEventItem:
    cursor: str = strawberry.field(description="Its place, for `after`.")
    event: Event = strawberry.field(description="The event.")


@strawberry.type(description="A log entry of the followed execution.")
class ExecutionLogItem:
    cursor: str = strawberry.field(description="Its place, for `after`.")
    entry: LogEntry = strawberry.field(description="The entry.")


@strawberry.type(description="A change to one of the followed executions.")
class ExecutionChange:
    row: strawberry.Private[Row]
    cursor: str = strawberry.field(description="Its place in the order of commits, for `after`.")
    event: Event = strawberry.field(
        description="The event that records the change. That of a deletion (`EXECUTION_DELETED`) is only "
        "here: the execution's history went with it."
    )
    matches: bool = strawberry.field(
        description="Whether the filter takes the execution as it is now; false where this change, or one "
        "after it, took it out, or it was deleted."
    )

    @strawberry.field(description="The execution's id, also when it was deleted.")
    def execution_id(self) -> strawberry.ID:
        return strawberry.ID(encode(Kind.EXECUTION, self.row["execution_id"]))

    execution = reference(
        EXECUTIONS,
        ("execution_id",),
        Execution | None,
        "The execution as it is now; null when it was deleted since.",
    )


def _event_item(cursor: str, row: Row) -> ExecutionEventItem:
    return ExecutionEventItem(cursor=cursor, event=Event.from_row(row))


def _log_item(cursor: str, row: Row) -> ExecutionLogItem:
    return ExecutionLogItem(cursor=cursor, entry=LogEntry.from_row(row))


def _change(cursor: str, row: Row) -> ExecutionChange:
    return ExecutionChange(row=row, cursor=cursor, event=Event.from_row(row), matches=row["matches"])


@strawberry.type(description="What can be followed: each item once, in order, from wherever one stopped.")
class Subscription:
    @strawberry.subscription(
        description="The history of an execution, from its beginning and then as it happens.",
        directives=[READ],
    )
    async def execution_events(
        self,
        info: Info,
        execution_id: ExecutionId,
        after: After = strawberry.UNSET,
        start: Start = strawberry.UNSET,
    ) -> AsyncGenerator[ExecutionEventItem, None]:
        """By the execution's event numbers."""
        feed = events_of(decode_as(Kind.EXECUTION, execution_id)[0], filters.EventFilter())
        following: AsyncGenerator[ExecutionEventItem, None] = await _follow(
            info, feed, after, start, FeedStart.BEGINNING, _event_item
        )
        return following

    @strawberry.subscription(
        description="The log of an execution, from its beginning and then as it is written.",
        directives=[READ],
    )
    async def execution_logs(
        self,
        info: Info,
        execution_id: ExecutionId,
        step_key: Annotated[
            str | None, strawberry.argument(description="Only what this step logged, in any attempt.")
        ] = strawberry.UNSET,
        min_level: Annotated[
            LogLevel | None, strawberry.argument(description="Only this level and what is more severe.")
        ] = strawberry.UNSET,
        after: After = strawberry.UNSET,
        start: Start = strawberry.UNSET,
    ) -> AsyncGenerator[ExecutionLogItem, None]:
        """By the execution's log numbers; narrowed in SQL."""
        level = given(min_level)
        narrowed = filters.LogFilter(None if level is None else int(level), given(step_key))
        feed = logs_of(decode_as(Kind.EXECUTION, execution_id)[0], narrowed)
        following: AsyncGenerator[ExecutionLogItem, None] = await _follow(
            info, feed, after, start, FeedStart.BEGINNING, _log_item
        )
        return following

    @strawberry.subscription(
        description="Every change to every execution, its deletion among them, in the order of commits. A "
        "deletion is told for `FLOWKEEP_KEEP_DELETIONS` days.",
        directives=[READ],
    )
    async def execution_changes(
        self,
        info: Info,
        filter: Annotated[
            ExecutionFilter | None,
            strawberry.argument(
                description="Only executions that are so when the change is read, and the changes by which "
                "one ceases to be so (`matches: false`). Of what was deleted only the workflow, the status "
                "and `createdAt` are known: it is told of whatever other conditions say."
            ),
        ] = strawberry.UNSET,
        after: After = strawberry.UNSET,
        start: StartNow = strawberry.UNSET,
    ) -> AsyncGenerator[ExecutionChange, None]:
        """By the transactions that made them; narrowed in SQL."""
        feed = ChangesFeed(await execution_filter(info, filter))
        following: AsyncGenerator[ExecutionChange, None] = await _follow(
            info, feed, after, start, FeedStart.NOW, _change
        )
        return following


async def _follow(
    info: Info,
    feed: Feed,
    after: str | None,
    start: FeedStart | None,
    default: FeedStart,
    show: Any,
) -> Any:
    cursor, where = given(after), given(start)
    if cursor is not None and where is not None:
        raise InvalidInput("Give either `after` or `start`, not both.")
    following: Following = await follow(
        info.context.following, feed, cursor, from_end=(where or default) is FeedStart.NOW, show=show
    )
    return following
