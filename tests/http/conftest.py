"""Applications with other settings than the usual one's, on this worker's database."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import pytest_asyncio

from db.enums import Scope
from tests.client import Client
from tests.factories import Factory
from tests.http.locks import Lock, locking
from tests.serving import serving, settings_of

Serve = Callable[..., Awaitable[Client]]
Enter = Callable[..., Awaitable[Client]]


@pytest_asyncio.fixture(scope="session")
async def urls(worker_url: str) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Applications by their settings: each is served once, until the end."""
    async with AsyncExitStack() as stack:
        found: dict[str, str] = {}

        async def serve(**given: Any) -> str:
            key = json.dumps(given, sort_keys=True, default=str)
            if key not in found:
                settings = settings_of(worker_url, **given)
                found[key] = await stack.enter_async_context(serving(settings))
            return found[key]

        yield serve


@pytest_asyncio.fixture
async def serve(urls: Callable[..., Awaitable[str]], client: Client) -> Serve:
    """A client of the application with these settings, whose state earlier tests may have touched."""

    async def at(**given: Any) -> Client:
        return Client(await urls(**given), client.http)

    return at


@pytest_asyncio.fixture
async def serve_anew(worker_url: str, client: Client) -> AsyncIterator[Serve]:
    """A client of an application of the test's own."""
    async with AsyncExitStack() as stack:

        async def at(**given: Any) -> Client:
            settings = settings_of(worker_url, **given)
            return Client(await stack.enter_async_context(serving(settings)), client.http)

        yield at


@pytest_asyncio.fixture
async def enter(urls: Callable[..., Awaitable[str]], make: Factory) -> AsyncIterator[Enter]:
    """A client with a token of these scopes, at an application that asks who comes."""
    url = await urls(auth="required")
    async with AsyncExitStack() as stack:

        async def as_(*scopes: Scope, **given: Any) -> Client:
            token = await make.token(scopes=list(scopes), **given)
            headers = {"Authorization": f"Bearer {token}"}
            http = httpx.AsyncClient(headers=headers, timeout=60, verify=False)
            return Client(url, await stack.enter_async_context(http))

        yield as_


@pytest.fixture
def strict() -> dict[str, str]:
    """The header of clients that want to see how a request went by its status."""
    return {"Accept": "application/graphql-response+json"}


@pytest.fixture
def table_lock(worker_url: str) -> Lock:
    """Keeps a table of this worker's database locked as long as a block."""
    return locking(worker_url)
