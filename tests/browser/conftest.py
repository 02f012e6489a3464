"""Chromium for the tests of the dashboard; skipped, with the reason, where something of it is missing."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from graph.http.pages import built
from tests.browser.driver import DRIVER, Browser, Page
from tests.client import Client
from tests.node.conftest import node
from tests.node.runner import Node

__all__ = ["node"]

Launch = Callable[[], Awaitable[Browser]]
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


@pytest_asyncio.fixture(scope="session")
async def browser(node: Node, chromium: str) -> AsyncIterator[Launch]:
    """The worker's browser: launched for the first test that asks, and anew behind one that broke it."""
    async with AsyncExitStack() as stack:
        launched: list[Browser] = []

        async def launch() -> Browser:
            if not launched or not launched[-1].usable:
                await stack.aclose()
                launched.append(Browser(await stack.enter_async_context(node.started(DRIVER, chromium))))
            return launched[-1]

        yield launch


@pytest_asyncio.fixture
async def browse(browser: Launch) -> AsyncIterator[Browse]:
    """Opens pages at a service's endpoint, each with a storage of its own; they end with the test."""
    async with AsyncExitStack() as stack:

        async def at(url: str, *others: str, **options: Any) -> Page:
            return await stack.enter_async_context((await browser()).page(url, *others, **options))

        yield at


@pytest_asyncio.fixture
async def page(browse: Browse, client: Client) -> Page:
    """A page at the usual server."""
    return await browse(client.url)
