"""Answers of subscriptions as text: one encoding for each item and shape of document, whoever follows."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from graphql import Executor

from graph.errors import coded
from graph.live.feeds import Item
from graph.live.following import Following


async def encoded(
    batch: list[Item], shape: object, following: Following, new_executor: Callable[[], Executor[Any]]
) -> list[str]:
    """The batch's answers for one shape; what others have encoded, or are about to, is taken from them.

    `new_executor` makes an executor with a context of its own, whose loaders serve the whole batch.
    """
    missing = [item for item in batch if shape not in item.encoded]
    if missing:
        # A task of its own: the follower who happened to be first may go away before the others.
        task = asyncio.create_task(_encode(missing, shape, following, new_executor()))
        for item in missing:
            item.encoded[shape] = task
    for waiting in {entry for item in batch if isinstance(entry := item.encoded.get(shape), asyncio.Task)}:
        await asyncio.shield(waiting)
    return [str(item.encoded[shape]) for item in batch]


async def _encode(items: list[Item], shape: object, following: Following, executor: Executor[Any]) -> None:
    for item, text in zip(
        items, await asyncio.gather(*(_answer(executor, following.show(item)) for item in items)), strict=True
    ):
        item.encoded[shape] = text


async def _answer(executor: Executor[Any], root: Any) -> str:
    result: Any = executor.build_per_event_executor(root).execute_operation()
    if executor.is_awaitable(result):
        result = await result
    answer = {"data": result.data}
    if result.errors:
        answer["errors"] = [coded(error).formatted for error in result.errors]
    return orjson.dumps(answer, option=orjson.OPT_UTC_Z).decode()
