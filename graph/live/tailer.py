"""One reader for all followers of a process.

Each tick asks in one statement how far the counters of the followed executions have come, reads what is
new in one statement for each kind of feed and filter, and hands it to the streams. Writes of this process
say which execution they changed, and it is looked at at once; those of others are found by polling, every
50 ms while there is news and less often when there is none. Without followers nothing runs. Nothing here
is part of a write's transaction, and no connection is kept: it works behind a pooler in transaction mode.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Hashable
from typing import Any
from uuid import UUID

from db.engine import Connection, Database
from db.errors import FlowkeepError, NotFound
from db.queries.feeds import fetch_after, fetch_heads
from graph.live.feeds import ExecutionFeed, Feed, Item, News, Position
from graph.live.streams import Stream

logger = logging.getLogger("flowkeep.live")

PAGE = 500
_SHORTEST_POLL = 0.05
_LONGEST_POLL = 0.2
_BETWEEN_TICKS = 0.005
_AFTER_FAILURE = 1.0


class Tailer:
    """Reads what is new for everybody who follows something."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._streams: dict[Any, Stream] = {}
        self._of_execution: dict[UUID | None, int] = defaultdict(int)
        self._dirty: set[UUID | None] = set()
        self._wake = asyncio.Event()
        self._interval, self._polled_at = _SHORTEST_POLL, 0.0
        self.reads = 0
        database.on_commit(self._note)

    @property
    def followers(self) -> int:
        """How many follow something."""
        return sum(stream.followers for stream in self._streams.values())

    @property
    def lag(self) -> float:
        """Seconds since the moment up to which every feed has been told of all commits; 0 without any."""
        now = time.monotonic()
        return max((now - stream.told_at for stream in self._streams.values()), default=0.0)

    async def start(self, feed: Feed, after: Position | None) -> AsyncIterator[list[Item]]:
        """Follow a feed from after a position, or from its end; raises `NotFound` at once.

        The iterator yields batches of items until it is closed, or the feed's execution is deleted.
        """
        async with self._database.reading() as connection:
            end = await feed.end(connection)
        return self._follow(feed, end, end if after is None else after)

    async def _follow(self, feed: Feed, end: Position, position: Position) -> AsyncIterator[list[Item]]:
        stream = self._join(feed, end)
        try:
            while not stream.gone:
                if position < stream.floor:
                    items, seen, _ = await self._catch_up(stream, position)
                else:
                    items, seen = stream.after(position, PAGE), position
                position = max([position, seen, *(item.position for item in items[-1:])])
                if items:
                    yield items
                elif position >= stream.floor and not stream.after(position, 1):
                    await stream.wait()
        finally:
            self._leave(stream)

    async def _catch_up(self, stream: Stream, position: Position) -> News:
        """What the stream no longer keeps; waits for a database that can't be reached."""
        try:
            async with self._database.reading() as connection:
                return await stream.feed.after(connection, position, PAGE)
        except NotFound:
            stream.end()
        except FlowkeepError as error:
            logger.warning("A live feed waits for the database: %s", error)
            await asyncio.sleep(_AFTER_FAILURE)
        return News([], position, position)

    def _join(self, feed: Feed, end: Position) -> Stream:
        stream = self._streams.get(feed)
        if stream is None:
            stream = self._streams[feed] = Stream(feed, end)
            self._of_execution[feed.execution_id] += 1
        stream.followers += 1
        self._wake.set()
        return stream

    def _leave(self, stream: Stream) -> None:
        stream.followers -= 1
        if stream.followers:
            return
        self._streams.pop(stream.feed, None)
        key = stream.feed.execution_id
        self._of_execution[key] -= 1
        if not self._of_execution[key]:
            del self._of_execution[key]

    def _note(self, execution_ids: Collection[UUID]) -> None:
        """A write of this process to these executions has committed."""
        if touched := self._of_execution.keys() & {None, *execution_ids}:
            self._dirty |= touched
            self._wake.set()

    async def look(self) -> None:
        """A round of reading: wait until a poll is due or something was written, then read what is new.

        Without followers it waits for one.
        """
        if not self._streams:
            self._wake.clear()
            await self._wake.wait()
        await self._pause(max(0.0, self._polled_at + self._interval - time.monotonic()))
        if time.monotonic() >= self._polled_at + self._interval:
            await self._poll()
        elif self._dirty:
            await self._tick(self._dirty)

    async def _poll(self) -> None:
        self._polled_at = time.monotonic()
        found = await self._tick(None)
        self._interval = _SHORTEST_POLL if found else min(self._interval * 2, _LONGEST_POLL)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(_BETWEEN_TICKS)
        if self._dirty:
            return
        self._wake.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _tick(self, dirty: set[UUID | None] | None) -> bool:
        """Read what is new of these executions, or of everything that is followed; whether there was any."""
        self._dirty = set()
        streams = [
            stream for stream in self._streams.values() if dirty is None or stream.feed.execution_id in dirty
        ]
        before, read_at = [stream.head for stream in streams], time.monotonic()
        async with self._database.reading() as connection:
            await self._read_executions(connection, streams, read_at)
            for stream in streams:
                if not isinstance(stream.feed, ExecutionFeed):
                    self.reads += 1
                    self._take(stream, await stream.feed.after(connection, stream.head, PAGE), read_at)
        return [stream.head for stream in streams] != before

    async def _read_executions(self, connection: Connection, streams: list[Stream], read_at: float) -> None:
        by_execution = [stream for stream in streams if isinstance(stream.feed, ExecutionFeed)]
        if not by_execution:
            return
        self.reads += 1
        heads = await fetch_heads(
            connection,
            list({stream.feed.execution_id for stream in by_execution if stream.feed.execution_id}),
        )
        groups: dict[Hashable, list[tuple[Stream, ExecutionFeed, int]]] = defaultdict(list)
        for stream in by_execution:
            feed = stream.feed
            assert isinstance(feed, ExecutionFeed)
            counters = heads.get(feed.execution_id)
            if counters is None:
                stream.end()
            elif feed.head(counters) > stream.head:
                groups[feed.source.table, feed.narrowed].append((stream, feed, feed.head(counters)))
            else:
                stream.told_at = read_at
        for group in groups.values():
            self.reads += 1
            like = group[0][1]
            positions = [(member.execution_id, stream.head) for stream, member, _ in group]
            found = await fetch_after(connection, like.source, positions, like.narrowed, PAGE)
            for (stream, member, end), rows in zip(group, found, strict=True):
                self._take(stream, member.news(rows, end, PAGE), read_at)

    def _take(self, stream: Stream, news: News, read_at: float) -> None:
        stream.extend(news, read_at)
        if len(news.items) == PAGE:
            # There may be more, which need not wait for the next poll.
            self._dirty.add(stream.feed.execution_id)
