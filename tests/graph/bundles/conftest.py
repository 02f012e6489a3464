"""Two databases, so that executions can go from one to the other."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from db.engine import Database
from tests.commands import Command
from tests.conftest import TEMPLATE, create_database, drop_database, empty
from tests.factories import Factory
from tests.graph.reading import exec_id


class Other:
    """A second database, and `flowkeep` on it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = Database(url, pool_size=1)
        self.command = Command(url)
        self.make = Factory(self.database)

    def imported(self, *files: Path) -> dict[str, Any]:
        """What an import comes to, but for what it took and how many executions had not ended."""
        done = self.command.run("import", "bundle", "--json", *map(str, files))
        assert "Traceback" not in done.stderr
        summary: dict[str, Any] = orjson.loads(done.stdout)
        assert done.returncode == bool(summary["failed"])
        return {name: value for name, value in summary.items() if name not in ("rows", "seconds", "open")}

    def refusal(self, file: Path) -> str:
        """The one sentence that an import comes to."""
        (reason,) = self.imported(file)["failed"].values()
        return str(reason)


@pytest_asyncio.fixture(scope="session")
async def other_database(cluster_url: str) -> AsyncIterator[Other]:
    """This worker's second database."""
    url = await create_database(cluster_url, f"other_{os.getpid()}", TEMPLATE)
    found = Other(url)
    yield found
    await found.database.close()
    await drop_database(url)


@pytest_asyncio.fixture
async def other(other_database: Other) -> AsyncIterator[Other]:
    """The second database, emptied after the test."""
    yield other_database
    await empty(other_database.database)


@pytest.fixture
async def small(make: Factory, command: Command, tmp_path: Path) -> Path:
    """A bundle of 16 lines: two executions of a workflow, with three and four log entries."""
    workflow = await make.workflow(name="nightly", definition={"steps": [{"key": "a"}]})
    first, second = await make.executions(2, workflow)
    await make.logs(first, 3)
    await make.logs(second, 4)
    file = tmp_path / "small.ndjson"
    command.done("export", exec_id(first), exec_id(second), "--output", str(file))
    return file
