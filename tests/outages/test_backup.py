"""Backups: a dump made while engines write, and a copy of the data folder made while nothing runs."""

import asyncio
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from db.embedded import EmbeddedPostgres
from graph.settings import Settings
from tests.client import Client
from tests.http.locks import locking
from tests.outages.processes import check, service
from tests.outages.runs import EVERYTHING, create
from tests.outages.writers import Kept, Writer, commit, kept, log, require_dense, require_exactly_once
from tests.patience import PATIENCE, settled
from tests.postgres import PROGRAMS, program
from tests.serving import serving

pytestmark = pytest.mark.slow

SOME = 20
OPTIONS = ("--format=custom", "--extension=plpgsql", "--extension=pg_trgm", "--extension=btree_gin")
_DUMP_WAITS = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE application_name = 'pg_dump'"


def plain(url: str) -> str:
    """The URL as PostgreSQL's programs take it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


async def run(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs, which must have nothing to say."""
    command = await asyncio.create_subprocess_exec(
        str(program(name)), *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(command.communicate(), PATIENCE)
    assert (command.returncode, said.decode()) == (0, "")


async def until_dump_waits(url: str) -> None:
    """Wait until pg_dump has its snapshot, and waits for a table."""
    connection = await asyncpg.connect(plain(url))
    try:
        async with asyncio.timeout(PATIENCE):
            while not await connection.fetchval(_DUMP_WAITS):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
    finally:
        await connection.close()


async def until_written(writer: Writer, number: int) -> None:
    """Wait until so many writes more are answered."""
    wanted = answered(writer) + number
    assert await settled(lambda: answered(writer) >= wanted)


def answered(writer: Writer) -> int:
    """How many writes are answered."""
    return sum(write.answer is not None for write in writer.writes)


async def everything(client: Client, execution: str) -> dict[str, Any]:
    """All that the API tells of an execution."""
    found: dict[str, Any] = await client.ask(EVERYTHING, id=execution)
    return found


def require_beginning(held: Kept, whole: Kept) -> None:
    """`held` is how `whole` was at one moment: it has the beginning of everything, and all of it fits."""
    require_dense(held)
    for field in fields(Kept):
        of_then, of_now = getattr(held, field.name), getattr(whole, field.name)
        if isinstance(of_then, list):
            assert of_then == of_now[: len(of_then)], field.name


async def test_a_dump_made_while_engines_write_is_whole(
    url: str, flowkeep: Client, worker_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    quiet, busy = await create(flowkeep, {"steps": []}, 2)
    writer = Writer(url, flowkeep.http)
    for number in range(SOME):
        await writer.write(commit(quiet, f"quiet-{number}"))
    stopped = asyncio.Event()
    writing = asyncio.create_task(writer.keep_on(busy, "busy", stopped))
    await until_written(writer, SOME)
    before = [text for write in writer.writes if write.answer for text in write.messages]
    async with locking(worker_url)("retention_runs"):
        dump = str(tmp_path / "flowkeep.dump")
        dumping = asyncio.create_task(run("pg_dump", *OPTIONS, f"--file={dump}", plain(worker_url)))
        await until_dump_waits(worker_url)
        await until_written(writer, SOME)  # after its snapshot, before it reads
    await dumping
    stopped.set()
    await writing
    target = plain(empty_database_url)
    await run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={target}", dump)

    assert "All is well." in check(empty_database_url)
    now, then = await kept(worker_url, busy), await kept(empty_database_url, busy)
    require_beginning(then, now)
    assert set(before) <= {text for _, text in (await kept(empty_database_url, quiet)).logs + then.logs}
    assert then.counters["event_seq"] + SOME <= now.counters["event_seq"]
    settings = Settings(database_url=SecretStr(empty_database_url), pool_size=1)
    async with serving(settings) as restored:
        answers = [await everything(Client(at, flowkeep.http), quiet) for at in (url, restored)]
        await Writer(restored, flowkeep.http).write(log(busy, "goes-on"))
    assert answers[0] == answers[1]
    require_dense(await kept(empty_database_url, busy))


async def test_a_copied_folder_has_all_that_was_acknowledged(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with httpx.AsyncClient(timeout=60) as http:
        with service(None) as url:
            (execution,) = await create(Client(url, http), {"steps": []})
            writer = Writer(url, http)
            stopped = asyncio.Event()
            writing = asyncio.create_task(writer.keep_on(execution, "kept", stopped))
            await until_written(writer, SOME)
            stopped.set()
            await writing
            before = await everything(Client(url, http), execution)
        copy = data_dir.with_name("elsewhere")
        await asyncio.to_thread(subprocess.run, ["cp", "--archive", str(data_dir), str(copy)], check=True)
        shutil.rmtree(data_dir)
        monkeypatch.setenv("FLOWKEEP_DATA_DIR", str(copy))
        with service(None) as url:
            after = await everything(Client(url, http), execution)
            with EmbeddedPostgres(copy, programs=PROGRAMS) as database_url:
                held = await kept(database_url, execution)
    assert after == before
    require_exactly_once(held, writer.writes)
