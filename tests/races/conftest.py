from collections.abc import AsyncIterator

import pytest_asyncio

from tests.races.writers import Writers


@pytest_asyncio.fixture(scope="package")
async def writers(worker_url: str) -> AsyncIterator[Writers]:
    """Writers on this worker's database, as many as a test asks for."""
    made = Writers(worker_url)
    yield made
    await made.close()
