"""urql: what it asks by POST and GET, what it caches, and documents by their hash."""

from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.client import Client
from tests.node.runner import Node

SCRIPT = Path(__file__).with_name("urql.mjs")


@pytest_asyncio.fixture
async def seen(client: Client, node: Node) -> dict[str, Any]:
    """The answers as urql gave them."""
    answers: dict[str, Any] = await node.run(SCRIPT, client.url)
    return answers


async def test_urql_has_payloads_and_refusals_of_mutations(seen: dict[str, Any]) -> None:
    assert seen["created"]["__typename"] == "WorkflowPayload"
    assert seen["created"]["workflow"]["name"] == "nightly"
    assert (seen["refused"]["__typename"], seen["refused"]["code"]) == ("AlreadyExists", "ALREADY_EXISTS")


async def test_urql_asks_nested_questions_and_caches_their_answers(seen: dict[str, Any]) -> None:
    (execution,) = seen["nested"]["executions"]["nodes"]
    assert execution["state"]["variables"] == {"a": 1}
    assert seen["cached"] == seen["nested"]
    assert seen["posted"] == ["POST"] * 5  # the cached answer is the one that was not sent


async def test_urql_has_the_code_of_an_error(seen: dict[str, Any]) -> None:
    assert seen["error"] == "NOT_FOUND"


async def test_urql_registers_a_document_once_and_then_sends_its_hash(seen: dict[str, Any]) -> None:
    by_get, unknown, registers, known = [(sent["method"], sent["hasText"]) for sent in seen["sent"]]
    assert (by_get, registers) == (("GET", True), ("GET", True))
    assert (unknown, known) == (("GET", False), ("GET", False))
    assert seen["byGet"]["name"] == seen["registered"]["name"] == seen["known"]["name"] == "nightly"
