"""What followers of one feed share: its newest items, and the position up to which it was read."""

import asyncio
import time
from bisect import bisect_right
from collections import deque

from graph.live.feeds import Feed, Item, News, Position

_KEPT_ITEMS = 1_000


class Stream:
    """The newest items of a feed: all after `floor` and up to `head`.

    A follower that falls behind the floor reads from the database until it has caught up, so nobody is
    waited for, and nothing is kept for anybody.
    """

    def __init__(self, feed: Feed, head: Position) -> None:
        self.feed = feed
        self.head = self.floor = head
        self.followers = 0
        self.gone = False
        self.told_at = time.monotonic()
        self._awaited: tuple[Position, float] | None = None
        self._items: deque[Item] = deque()
        self._changed: asyncio.Future[None] | None = None

    def extend(self, news: News, read_at: float) -> None:
        """Take in what came after the head, read at a moment of the monotonic clock."""
        self._note_progress(max(news.head, self.head), news.end, read_at)
        if news.head <= self.head:
            return
        self.head = news.head
        if news.items:
            self._items.extend(news.items)
            while len(self._items) > _KEPT_ITEMS:
                self.floor = self._items.popleft().position
            self._wake()

    def _note_progress(self, head: Position, end: Position, read_at: float) -> None:
        """Move `told_at`, the moment up to which all that was committed has been taken in.

        That is this one where the head has come to the end. Otherwise it is an earlier one, when the head has
        come to what was the end then: that of one moment is kept, and of the next when it has been reached.
        """
        if head >= end:
            self.told_at, self._awaited = read_at, None
            return
        if self._awaited is not None and head >= self._awaited[0]:
            self.told_at, self._awaited = self._awaited[1], None
        if self._awaited is None:
            self._awaited = end, read_at

    def end(self) -> None:
        """Its execution is gone: there will be no more."""
        self.gone = True
        self._wake()

    def after(self, position: Position, limit: int) -> list[Item]:
        """The items that are kept after a position, which must not be before the floor."""
        first = bisect_right(self._items, position, key=lambda item: item.position)
        return [self._items[at] for at in range(first, min(first + limit, len(self._items)))]

    async def wait(self) -> None:
        """Until there are new items, or the end."""
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._changed)

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set_result(None)
            self._changed = None
