"""What is too large, for every mutation: on a server with small limits, and for the default ones."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from db.engine import Database
from graph.app import create_app
from graph.settings import Settings
from tests.client import Client
from tests.factories import Factory
from tests.graph.fields import JSON, TEXT, Attempts, places
from tests.graph.world import EPOCH, World, arrange
from tests.mutations import MUTATIONS

DOCUMENT, INPUT, ENTRIES = 2048, 32 * 1024, 10
# What a log entry carries is bounded by the whole input only.
DOCUMENTS = [place for place in places(*JSON) if not place.endswith(".fields")]
# A log message that is too large is cut: tests/graph/test_log_texts.py.
MESSAGES = ["appendLogs.entries.message", "commitStep.logs.message"]
TEXTS = [place for place in places(*TEXT) if place not in MESSAGES and not place.endswith(".idempotencyKey")]
ENTRY_LISTS = ["appendLogs.entries", "commitStep.logs"]


@pytest.fixture(scope="module")
async def strict_http(worker_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Reaches a server with small limits, so that what is over them is quick to send."""
    settings = Settings(
        database_url=SecretStr(worker_url),
        pool_size=1,
        max_document_bytes=DOCUMENT,
        max_input_bytes=INPUT,
        max_log_entries=ENTRIES,
    )
    app = create_app(settings)
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport) as http:
        yield http


@pytest.fixture
async def world(make: Factory) -> World:
    """Something for every mutation."""
    return await arrange(make)


@pytest.fixture
def attempts(strict_http: httpx.AsyncClient, database: Database, world: World) -> Attempts:
    """Attempts at all mutations where the limits are small."""
    return Attempts(Client("http://localhost/graphql", strict_http), database, world)


async def test_a_document_over_the_limit_is_too_large(attempts: Attempts) -> None:
    over = {"x": "x" * (DOCUMENT - len('{"x":""}') + 1)}
    assert await attempts.answers(DOCUMENTS, over) == dict.fromkeys(DOCUMENTS, "TooLarge")


async def test_an_input_over_the_limit_is_too_large(attempts: Attempts) -> None:
    assert await attempts.answers(TEXTS, "x" * INPUT) == dict.fromkeys(TEXTS, "TooLarge")


async def test_too_many_log_entries_are_too_large(attempts: Attempts) -> None:
    over = [{"message": "x"}] * (ENTRIES + 1)
    assert await attempts.answers(ENTRY_LISTS, over) == dict.fromkeys(ENTRY_LISTS, "TooLarge")


@pytest.mark.parametrize(
    ("mutation", "field", "value", "limit"),
    [
        ("saveState", "variables", {"x": "x" * 4 * 2**20}, 4 * 2**20),
        ("appendLogs", "entries", [{"message": "x"}] * 10_001, 10_000),
        ("appendLogs", "entries", [{"message": "x" * 64 * 2**10}] * 257, 16 * 2**20),
    ],
    ids=["document", "entries", "input"],
)
async def test_the_limits_are_those_of_the_settings(
    client: Client, world: World, mutation: str, field: str, value: Any, limit: int
) -> None:
    answer = await client.write(mutation, executionId=world.id("execution"), **{field: value})
    assert (answer["__typename"], answer["limit"], answer["size"] > limit) == ("TooLarge", limit, True)


@pytest.mark.parametrize(
    ("mutation", "field", "value"),
    [
        ("saveState", "variables", {"x": "x" * (4 * 2**20 - len('{"x":""}'))}),
        ("appendLogs", "entries", [{"message": "x"}] * 10_000),
        ("appendLogs", "entries", [{"message": "x" * 64 * 2**10}]),
    ],
    ids=["document", "entries", "message"],
)
async def test_what_just_fits_is_taken(
    client: Client, world: World, mutation: str, field: str, value: Any
) -> None:
    assert await client.done(mutation, executionId=world.id("execution"), epoch=EPOCH, **{field: value})


def test_every_mutation_is_tried() -> None:
    assert sorted({place.split(".")[0] for place in TEXTS}) == MUTATIONS
