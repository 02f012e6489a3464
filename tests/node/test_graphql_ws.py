"""`graphql-ws`, the reference client of the graphql-transport-ws protocol, where a token is needed."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from db.enums import Scope
from tests.factories import Factory
from tests.node.runner import Node
from tests.serving import serving, settings_of

SCRIPT = Path(__file__).with_name("graphql_ws.mjs")
WORKFLOWS = {"data": {"workflows": {"nodes": [{"name": "nightly", "version": "1"}]}}}


@pytest_asyncio.fixture
async def guarded_url(worker_url: str) -> AsyncIterator[str]:
    """An application that wants to know who calls."""
    async with serving(settings_of(worker_url, auth="required")) as url:
        yield url


async def visit(guarded_url: str, node: Node, make: Factory) -> dict[str, Any]:
    """What the script saw with a good token, and with one that nobody made."""
    token = await make.token(name="engine", scopes=[Scope.READ, Scope.WRITE])
    seen: dict[str, Any] = await node.run(SCRIPT, guarded_url, token, f"{token[:-1]}{'BA'[token[-1] == 'B']}")
    return seen


async def test_an_authenticated_socket_reads_writes_and_comes_back(
    guarded_url: str, node: Node, make: Factory
) -> None:
    seen = await visit(guarded_url, node, make)
    workflow = {"name": "nightly", "createdBy": "engine"}
    assert seen["created"] == {"data": {"createWorkflow": {"workflow": workflow}}}
    assert seen["refused"] == {"data": {"createWorkflow": {"code": "ALREADY_EXISTS"}}}
    assert seen["before"] == seen["after"] == WORKFLOWS
    assert seen["acknowledged"] == 2
    assert seen["invalid"] == "GRAPHQL_VALIDATION_FAILED"


async def test_a_wrong_token_closes_the_socket(guarded_url: str, node: Node, make: Factory) -> None:
    seen = await visit(guarded_url, node, make)
    assert seen["code"] == 4403
    assert "token" in seen["reason"]
