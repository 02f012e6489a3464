"""A service in a process of its own, and a client of it."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from db.engine import Database
from tests.client import Client
from tests.outages.processes import service


@pytest.fixture
def url(worker_url: str, database: Database) -> Iterator[str]:
    """A service in a process of its own, on this worker's database."""
    with service(worker_url) as url:
        yield url


@pytest_asyncio.fixture
async def flowkeep(url: str) -> AsyncIterator[Client]:
    """Talks to that service."""
    async with httpx.AsyncClient(timeout=60) as http:
        yield Client(url, http)


@pytest.fixture
def data_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data folder of the services that the test starts."""
    folder = Path(tempfile.mkdtemp(prefix="flowkeep-dies-"))
    folder.chmod(0o755)
    monkeypatch.setenv("FLOWKEEP_DATA_DIR", str(folder / "data"))
    yield folder / "data"
    shutil.rmtree(folder)
