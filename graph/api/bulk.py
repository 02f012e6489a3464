"""Many writes in one call, each answered for itself."""

from asyncio import gather
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from graph.api.errors import Error, answered
from graph.context import Info

T = TypeVar("T")
P = TypeVar("P")

EACH = "one for each, in their order; one that is refused hurts no other"


async def each(info: Info, make: Callable[[Info, T], Awaitable[P]], items: Sequence[T]) -> list[P | Error]:
    """What becomes of each item. They reach the writer in their order, before it begins its next batch."""
    return list(await gather(*(answered(info, make(info, item)) for item in items)))
