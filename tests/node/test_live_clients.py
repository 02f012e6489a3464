"""`graphql-ws` and `graphql-sse` follow a log with a token, are cut, and resume where they stopped."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from db.enums import Scope
from tests.factories import Factory
from tests.node.runner import Node
from tests.serving import serving, settings_of

OLD, NEW = 5, 10
FOLLOWERS = {name: Path(__file__).with_name(f"{name}.mjs") for name in ("graphql_ws_live", "graphql_sse")}


@pytest_asyncio.fixture
async def guarded_url(worker_url: str) -> AsyncIterator[str]:
    """An application that wants to know who calls."""
    async with serving(settings_of(worker_url, auth="required")) as url:
        yield url


async def follow(script: Path, url: str, node: Node, make: Factory) -> dict[str, Any]:
    """What the script saw of a log that was partly there and goes on being written."""
    execution = await make.execution()
    await make.logs(execution, OLD)
    token = await make.token(scopes=[Scope.READ])
    arguments = (url, token, f"exec_{execution.hex}", str(OLD + NEW))
    running = asyncio.create_task(node.run(script, *arguments))
    for seq in range(OLD + 1, OLD + NEW + 1):
        await asyncio.sleep(0.15)
        await make.logs(execution, start=seq)
    seen: dict[str, Any] = await running
    return seen


@pytest.mark.parametrize("name", FOLLOWERS)
async def test_a_log_is_followed_across_cuts(guarded_url: str, node: Node, make: Factory, name: str) -> None:
    seen = await follow(FOLLOWERS[name], guarded_url, node, make)
    assert (seen["seqs"], seen["cuts"]) == (list(range(1, OLD + NEW + 1)), 4)


async def test_events_answer_queries_and_refuse_with_a_status(
    guarded_url: str, node: Node, make: Factory
) -> None:
    seen = await follow(FOLLOWERS["graphql_sse"], guarded_url, node, make)
    assert (seen["read"], seen["status"]) == ({"data": {"workflows": {"totalCount": 1}}}, 400)
