"""Normalising caches, set as README has it, keep together what two queries ask of an object without an id."""

import shutil
from typing import Any

import pytest
import pytest_asyncio

from db.enums import ExecutionStatus
from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import exec_id
from tests.node.runner import HERE, Node
from tests.node.test_snippets import ROOT, snippet


@pytest_asyncio.fixture
async def seen(client: Client, node: Node, make: Factory) -> dict[str, Any]:
    """What each cache can answer after both queries, and what they complained of."""
    error = {"message": "It broke.", "code": "BROKEN"}
    execution = await make.execution(status=ExecutionStatus.FAILED, error=error, lease_epoch=3)
    shutil.copy(ROOT / "schema.graphql", node.folder)
    (node.folder / "readme-caches.mjs").write_text(snippet("js", "typePolicies"))
    answers: dict[str, Any] = await node.run(HERE / "caches.mjs", client.url, exec_id(execution))
    return answers


@pytest.mark.parametrize("cache", ["apollo", "graphcache"])
async def test_both_queries_can_be_answered_from_the_cache(seen: dict[str, Any], cache: str) -> None:
    first, second = seen[cache]
    assert (first["error"]["message"], second["error"]["code"]) == ("It broke.", "BROKEN")
    assert (first["lease"]["holder"], second["lease"]["epoch"]) == (None, 3)


async def test_no_cache_complains(seen: dict[str, Any]) -> None:
    assert seen["complained"] == []


async def test_a_cache_that_is_not_told_loses_the_first(seen: dict[str, Any]) -> None:
    assert seen["bare"][0] is None
