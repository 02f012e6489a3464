"""A real PgBouncer in transaction mode between the service and PostgreSQL.

Debian's is older than 1.21 and knows no prepared statements: what works with it works with newer ones. It
has fewer connections than the service, so that every transaction may meet another server.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import make_url

from db.engine import Database
from db.errors import FlowkeepError
from db.migrate import migrate
from graph.settings import Settings
from tests.client import Client
from tests.live.follower import connected
from tests.outages.pgbouncer import pgbouncer, program
from tests.serving import serving

pytestmark = pytest.mark.skipif(program() is None, reason="pgbouncer is not installed (Debian's pgbouncer)")

POOL = 8


@pytest.fixture(scope="module")
def through(worker_url: str) -> Iterator[str]:
    """This worker's database behind a PgBouncer."""
    with tempfile.TemporaryDirectory(prefix="flowkeep-bouncer-") as folder:
        Path(folder).chmod(0o755)
        with pgbouncer(make_url(worker_url), Path(folder)) as url:
            yield url


@pytest_asyncio.fixture
async def pooled(through: str, database: Database) -> AsyncIterator[Client]:
    """A client of a service behind it."""
    settings = Settings(database_url=SecretStr(through), pool_size=POOL, pgbouncer=True)
    async with serving(settings) as url, httpx.AsyncClient(timeout=60) as http:
        yield Client(url, http)


async def workflow(client: Client) -> None:
    """One that can be executed."""
    await client.done("createWorkflow", name="pooled", version="1", definition={"steps": []}, status="ACTIVE")


async def test_reads_and_writes_at_once(pooled: Client) -> None:
    await workflow(pooled)

    async def life(number: int) -> int:
        made = await pooled.done("createExecution", workflowName="pooled", variables={"n": number})
        key = made["execution"]["id"]
        for turn in range(5):
            await pooled.done("saveState", executionId=key, variablesPatch={f"k{turn}": turn})
            await pooled.done("appendLogs", executionId=key, entries=[{"level": "INFO", "message": "m"}] * 3)
        found = await pooled.ask(
            "query ($id: ID!) { execution(id: $id) { logs { totalCount } state { version variables } } }",
            id=key,
        )
        assert found["execution"]["logs"]["totalCount"] == 15
        return len(found["execution"]["state"]["variables"])

    assert await asyncio.gather(*(life(number) for number in range(16))) == [6] * 16
    listed = await pooled.ask("{ executions { totalCount } health { database { role tables { name } } } }")
    assert listed["executions"]["totalCount"] == 16


async def test_subscriptions(pooled: Client) -> None:
    await workflow(pooled)
    made = await pooled.done("createExecution", workflowName="pooled")
    key = made["execution"]["id"]
    async with connected(pooled.url) as follower:
        await follower.subscribe(
            "subscription ($id: ID!) { executionLogs(executionId: $id) { entry { seq } } }", id=key
        )
        for _ in range(3):
            await pooled.done("appendLogs", executionId=key, entries=[{"level": "INFO", "message": "m"}] * 2)
        assert await follower.seqs(6) == [1, 2, 3, 4, 5, 6]


async def test_an_endless_write_is_stopped_by_the_server(through: str) -> None:
    bounded = Database(through, pooler=True, statement_timeout=timedelta(milliseconds=200))
    with pytest.raises(FlowkeepError):
        async with bounded.writing() as session:
            await session.execute(text("SELECT pg_sleep(10)"))
    await bounded.close()


async def test_migrations_find_nothing_left_to_do(through: str) -> None:
    database = Database(through, pooler=True)
    await migrate(database)
    await database.close()
