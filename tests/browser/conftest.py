"""Chromium for the tests of the dashboard; skipped, with the reason, where something of it is missing."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
import pytest_asyncio

from graph.http.pages import built
from tests.browser.driver import Page
from tests.client import Client
from tests.node.conftest import node
from tests.node.runner import Node

__all__ = ["node"]

DRIVER = Path(__file__).with_name("driver.mjs")
Browse = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's executable."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("Chromium is not installed")
    if not built():
        pytest.skip("The pages are not built; make web does it")
    return found


@pytest_asyncio.fixture
async def browse(node: Node, chromium: str) -> AsyncIterator[Browse]:
    """Opens browsers at a service's endpoint; they end with the test."""
    async with AsyncExitStack() as stack:

        async def at(url: str, *others: str, **options: Any) -> Page:
            hosts = ",".join(urlsplit(reached).netloc for reached in (url, *others))
            process = await stack.enter_async_context(
                node.started(DRIVER, chromium, hosts, orjson.dumps(options).decode())
            )
            return Page(process, url.removesuffix("/graphql"))

        yield at


@pytest_asyncio.fixture
async def page(browse: Browse, client: Client) -> Page:
    """A browser at the usual server."""
    return await browse(client.url)
