"""PostgreSQL killed under load, as by a loss of power: what was acknowledged is there, and just once."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio

from db.embedded import EmbeddedPostgres
from tests.client import Client
from tests.outages.processes import check, service
from tests.outages.writers import Writer, commit, kept, require_exactly_once, save
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow

CRASHES = 3
WRITERS = 8
EXECUTIONS = 4
LOAD_SECONDS = 1.5

CREATE_WORKFLOW = (
    """mutation { createWorkflow(input: {name: "w", version: "1", definition: {}}) { __typename } }"""
)
# Checked at the commit, when all of a transaction's statements are done; until then nothing of it lasts.
HELD = 42
HOLD_COMMITS = f"""
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared({HELD}); RETURN NULL; END $$;
DO $$ DECLARE leaf text; BEGIN
    FOR leaf IN SELECT relid::regclass FROM pg_partition_tree('events') WHERE isleaf LOOP
        EXECUTE format('CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON %s DEFERRABLE INITIALLY DEFERRED '
                       'FOR EACH ROW EXECUTE FUNCTION hold()', leaf);
    END LOOP;
END $$;
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
CREATE_EXECUTION = """mutation { createExecution(input: {workflowName: "w"}) {
  ... on ExecutionPayload { execution { id } } } }"""


@pytest.fixture
def postgres() -> Iterator[EmbeddedPostgres]:
    """A cluster of its own, as durable as in production."""
    folder = Path(tempfile.mkdtemp(prefix="flowkeep-crash-"))
    # Root's PostgreSQL runs as another user, who must be able to get there.
    folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder / "data")
    try:
        yield postgres
    finally:
        postgres.stop()
        shutil.rmtree(folder)


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> str:
    return postgres.start()


@pytest.fixture
def url(database_url: str) -> Iterator[str]:
    """A service that runs through all crashes."""
    with service(database_url, "--migrate") as url:
        yield url


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=60) as http:
        yield http


def crash(postgres: EmbeddedPostgres) -> None:
    """Kill every process of the server at once, so that none can write anything more."""
    main = postgres.postmaster_pid
    assert main is not None
    listed = Path(f"/proc/{main}/task/{main}/children")
    children = [int(pid) for pid in listed.read_text().split()] if listed.exists() else []
    os.kill(main, signal.SIGKILL)
    for child in children:
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue


async def test_acknowledged_writes_survive_and_repeated_ones_count_once(
    postgres: EmbeddedPostgres, database_url: str, url: str, http: httpx.AsyncClient
) -> None:
    client, stopped = Client(url, http), asyncio.Event()
    await client.ask(CREATE_WORKFLOW)
    made = [await client.ask(CREATE_EXECUTION) for _ in range(EXECUTIONS)]
    ids = [one["createExecution"]["execution"]["id"] for one in made]
    writers = [Writer(url, http) for _ in range(WRITERS)]
    async with asyncio.TaskGroup() as group:
        for number, writer in enumerate(writers):
            group.create_task(writer.keep_on(ids[number % EXECUTIONS], f"writer {number}", stopped))
        for _ in range(CRASHES):
            await asyncio.sleep(LOAD_SECONDS)
            before = [len(writer.writes) for writer in writers]
            crash(postgres)
            assert await asyncio.to_thread(postgres.start) == database_url
            await until_all_go_on(writers, before)
        stopped.set()

    # The service itself repeats what it can: a writer may hear nothing of a crash.
    assert set[str]().union(*(writer.codes for writer in writers)) <= {"UNAVAILABLE"}
    for number, execution in enumerate(ids):
        writes = [write for writer in writers[number::EXECUTIONS] for write in writer.writes]
        assert all(write.answer for write in writes)
        require_exactly_once(await kept(database_url, execution), writes)
    assert check(database_url).endswith("All is well.\n")


async def test_a_batch_cut_between_its_writes_and_its_commit_was_not_made(
    postgres: EmbeddedPostgres, database_url: str, url: str, http: httpx.AsyncClient
) -> None:
    client = Client(url, http)
    await client.ask(CREATE_WORKFLOW)
    made = [await client.ask(CREATE_EXECUTION) for _ in range(2)]
    execution, other = (one["createExecution"]["execution"]["id"] for one in made)
    keyed, bare = Writer(url, http), Writer(url, http)
    async with commits_held(database_url) as waiting, asyncio.TaskGroup() as group:
        group.create_task(bare.write(save(other, "bare"), keyed=False))
        await waiting(1)
        for number in range(20):
            group.create_task(keyed.write((save, commit)[number % 2](execution, f"keyed {number}")))
        await waiting(2)
        crash(postgres)
        await asyncio.to_thread(postgres.start)
    require_exactly_once(await kept(database_url, execution), keyed.writes)
    # What has no key is not made again, and whoever sent it hears that nobody knows.
    assert (bare.codes, (await kept(database_url, other)).variables) == ({"UNAVAILABLE"}, [])


@asynccontextmanager
async def commits_held(database_url: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Commits wait from here on until the server dies; gives what waits until so many do."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        await connection.execute(HOLD_COMMITS)
        await connection.execute(f"SELECT pg_advisory_lock({HELD})")

        async def waiting(number: int) -> None:
            async with asyncio.timeout(PATIENCE):
                while await connection.fetchval(WAITING) < number:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)

        yield waiting
    finally:
        connection.terminate()


async def until_all_go_on(writers: list[Writer], before: list[int]) -> None:
    """Wait until every writer has got answers again, from a service that nobody has touched."""
    async with asyncio.timeout(PATIENCE):
        for writer, start in zip(writers, before, strict=True):
            while len(writer.writes) < start + 2:  # noqa: ASYNC110 - what comes about is an answer
                await asyncio.sleep(0.05)
