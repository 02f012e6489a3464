"""The demonstration and its executors: where they write, and as whom."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from pydantic import SecretStr

from db.engine import Database
from db.enums import Scope
from examples.workflows import WORKFLOWS
from graph.settings import Settings
from tests.client import Client
from tests.factories import Factory
from tests.rows import rows
from tests.serving import serving

ROOT = Path(__file__).parents[2]
PATIENCE = 120
BOTH = (Scope.READ, Scope.WRITE)


async def example(name: str, *arguments: str, **environment: str) -> tuple[int | None, str]:
    """Run an example to its end; its exit code and what it printed, in one line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"examples.{name}",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    async with asyncio.timeout(PATIENCE):
        printed, _ = await process.communicate()
    return process.returncode, " ".join(printed.decode().split())


@pytest_asyncio.fixture
async def guarded(worker_url: str, database: Database) -> AsyncIterator[str]:
    """The URL of a service on this worker's database that asks for a token."""
    async with serving(Settings(database_url=SecretStr(worker_url), pool_size=2, auth="required")) as url:
        yield url


async def test_the_server_of_the_settings_is_found_and_left_alone_while_in_use(
    client: Client, make: Factory, database: Database
) -> None:
    await make.workflow(name="theirs")
    code, printed = await example("demo", FLOWKEEP_PORT=str(urlsplit(client.url).port))
    assert (code, f"writes to Flowkeep at {client.url}" in printed, "--yes" in printed) == (1, True, True)
    assert [row["name"] for row in await rows(database, "workflows")] == ["theirs"]


@pytest.mark.slow
async def test_a_named_server_that_is_not_there_is_not_replaced() -> None:
    code, printed = await example("demo", FLOWKEEP_URL="http://127.0.0.1:1/graphql")
    assert (code, "nothing answers as Flowkeep does" in printed) == (1, True)


async def test_the_demonstration_says_that_a_token_is_needed(guarded: str, database: Database) -> None:
    code, printed = await example("demo", "--yes", FLOWKEEP_URL=guarded)
    assert (code, "FLOWKEEP_TOKEN" in printed) == (1, True)
    assert await rows(database, "workflows") == []


async def test_an_executor_says_that_a_token_is_needed(guarded: str) -> None:
    code, printed = await example("executor", "--once", FLOWKEEP_URL=guarded)
    assert (code, printed.startswith(f"{guarded} refuses: Who asks?")) == (1, True), printed


async def test_an_executor_takes_the_address_of_a_service_for_its_endpoint(guarded: str) -> None:
    code, printed = await example("executor", "--once", FLOWKEEP_URL=guarded.removesuffix("/graphql"))
    assert (code, printed.startswith(f"{guarded} refuses: Who asks?")) == (1, True), printed


@pytest.mark.slow
async def test_the_demonstration_runs_with_a_token(guarded: str, make: Factory, database: Database) -> None:
    token = await make.token(name="demo", scopes=BOTH)
    code, printed = await example("demo", "--executions", "1", FLOWKEEP_URL=guarded, FLOWKEEP_TOKEN=token)
    assert code == 0, printed
    ended = [row["status"] for row in await rows(database, "executions")]
    # All are well at last, the recovered one too; the fork of that one failed as it had done.
    assert sorted(ended) == [*["COMPLETED"] * len(WORKFLOWS), "FAILED"]
