"""One follower of a feed: batches of shared items, and how an item becomes an object."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from graph.live.feeds import Feed, Item, Position
from graph.live.tailer import Tailer


class Following:
    """What the resolver of a subscription returns: the source of its answers.

    It yields batches rather than single items, so that what an answer loads is loaded for all of them
    together. `show` makes the object of an item.
    """

    def __init__(self, batches: AsyncIterator[list[Item]], show: Callable[[Item], Any]) -> None:
        self._batches = batches
        self.show = show

    def __aiter__(self) -> AsyncIterator[list[Item]]:
        return self._batches


async def follow(
    tailer: Tailer, feed: Feed, after: str | None, *, from_end: bool, show: Callable[[str, Any], Any]
) -> Following:
    """Follow a feed after a cursor, else from its end or its beginning.

    `show` makes an object of a cursor and a row. Raises `InvalidInput` for a cursor that is none, and
    `NotFound`.
    """
    position: Position | None = None if from_end else feed.beginning
    if after is not None:
        position = feed.position(after)
    batches = await tailer.start(feed, position)
    return Following(batches, lambda item: show(feed.cursor(item.position), item.row))
