"""A standby of the run's cluster, and a service that reads from it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from db.engine import Database
from db.replica import positions, replica
from graph.settings import Settings
from tests.client import Client
from tests.conftest import Statements
from tests.patience import PATIENCE, until
from tests.replica.standby import Standby, made
from tests.serving import serving, settings_of
from tests.telemetry.test_logs import kept

REPLICA = "{ health { replica { state reason lagSeconds lagBytes pool { size inUse } } } }"

Sources = Callable[[], list[str | None]]


def prompt(url: str) -> str:
    """The URL of a database whose commits are sent to standbys at once, as by default."""
    return f"{url}&options=-c%20synchronous_commit%3Don"


def settings(primary: str, standby: Standby, **more: object) -> Settings:
    """A service on both, which waits for the standby as long as it takes."""
    given: dict[str, object] = {"replica_url": SecretStr(standby.url), "log_format": "json", "pool_size": 2}
    given |= {"retention_interval": 0, "replica_wait": PATIENCE, "replica_max_lag": PATIENCE}
    return settings_of(prompt(primary), **{**given, **more})


async def answered(client: Client, document: str, after: object = None, **variables: Any) -> dict[str, Any]:
    """The whole answer to a document whose caller must see a position."""
    body = {"query": document, "variables": variables, "extensions": {"after": after}}
    answer: dict[str, Any] = (await client.http.post(client.url, json=body)).json()
    return answer


async def told(client: Client) -> Any:
    """What `health` tells of the replica; None without one."""
    return (await client.ask(REPLICA))["health"]["replica"]


async def until_told(client: Client, found: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until `health` tells so."""
    return await until(lambda: told(client), found)


@asynccontextmanager
async def replicating(primary: str, standby: Standby, **more: object) -> AsyncIterator[Client]:
    """Talks to a service on both, with settings of its own."""
    async with (
        serving(settings(primary, standby, **more)) as url,
        httpx.AsyncClient(timeout=PATIENCE, verify=False) as http,
    ):
        yield Client(url, http)


@pytest.fixture
def sources() -> Iterator[Sources]:
    """Where the requests of the test were read, one after the other."""
    with kept("flowkeep.access") as lines:
        yield lambda: [line["source"] for line in lines]


@pytest.fixture(scope="package", autouse=True)
def _patience() -> Iterator[None]:
    """On a busy machine a server is not dead because it takes longer than it should."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replica, "LOOK_SECONDS", PATIENCE)
        patch.setattr(replica, "CONNECT_SECONDS", PATIENCE)
        patch.setattr(positions, "SECONDS", PATIENCE)
        yield


@pytest.fixture(scope="package")
def made_standby(worker_url: str) -> Iterator[Standby]:
    """The standby of this worker, as tests leave it: running, and replaying."""
    with made(worker_url) as standby:
        yield standby


@pytest_asyncio.fixture
async def standby(made_standby: Standby, database: Database) -> AsyncIterator[Standby]:
    """The worker's standby; it replays again after the test."""
    await made_standby.catch_up(database)
    yield made_standby
    await made_standby.ask("SELECT pg_wal_replay_resume()")


@pytest_asyncio.fixture(scope="package")
async def replicated_url(
    worker_url: str, made_standby: Standby, all_statements: Statements
) -> AsyncIterator[str]:
    """A service that reads from the standby."""
    async with serving(settings(worker_url, made_standby)) as url:
        yield url


@pytest_asyncio.fixture
async def replicated(replicated_url: str, standby: Standby) -> AsyncIterator[Client]:
    """Talks to the service that reads from the standby, whatever the test before did to that."""
    async with httpx.AsyncClient(timeout=PATIENCE, verify=False) as http:
        client = Client(replicated_url, http)
        await until_told(client, lambda found: found["state"] == "IN_USE")
        yield client
