"""Answers of subscriptions as text: one encoding for each item and shape of document, whoever follows."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import orjson

from graph.errors import coded
from graph.execution.plan import Answered
from graph.live.feeds import Item
from graph.live.following import Following


class Answers(NamedTuple):
    """Answers for several root objects; who reads from `position` on sees what they are about."""

    answered: list[Answered]
    position: str | None


# Makes them all at once, with a context of their own.
Answer = Callable[[list[Any]], Awaitable[Answers]]


async def encoded(batch: list[Item], shape: object, following: Following, answer: Answer) -> list[str]:
    """The batch's answers for one shape; what others have encoded, or are about to, is taken from them."""
    missing = [item for item in batch if shape not in item.encoded]
    if missing:
        # A task of its own: the follower who happened to be first may go away before the others.
        task = asyncio.create_task(_encode(missing, shape, following, answer))
        for item in missing:
            item.encoded[shape] = task
    for waiting in {entry for item in batch if isinstance(entry := item.encoded.get(shape), asyncio.Task)}:
        await asyncio.shield(waiting)
    return [str(item.encoded[shape]) for item in batch]


async def _encode(items: list[Item], shape: object, following: Following, answer: Answer) -> None:
    answers = await answer(list(map(following.show, items)))
    for item, answered in zip(items, answers.answered, strict=True):
        item.encoded[shape] = _text(answered, answers.position)


def _text(answered: Answered, position: str | None) -> str:
    answer: dict[str, Any] = {"data": answered.data}
    if answered.errors:
        answer["errors"] = [coded(error).formatted for error in answered.errors]
    if position is not None:
        answer["extensions"] = {"position": position}
    return orjson.dumps(answer, option=orjson.OPT_UTC_Z).decode()
