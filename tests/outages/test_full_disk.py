"""The disk under the database is full, and then is not: a small file system of its own holds the tables."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from db.embedded import EmbeddedPostgres
from db.engine import Database
from db.migrate import migrate
from db.partitions import cover_ahead
from graph import app
from graph.settings import Settings
from tests.commands import process
from tests.conftest import QUICK, at
from tests.outages.processes import ROOT
from tests.serving import serving
from tests.telemetry.test_logs import kept

pytestmark = pytest.mark.slow

TRACE = ROOT / "examples" / "nightly-report.json"
SENTENCE = "flowkeep: The database's disk is full: nothing can be written until there is room."

CREATE = """
    mutation ($name: String!) {
        createWorkflow(input: {name: $name, version: "1", definition: {}}) { __typename }
    }
"""


@pytest.fixture
def small() -> Iterator[Path]:
    """A file system of 64 MiB, mounted in a folder that has room for a cluster beside it."""
    folder = Path(tempfile.mkdtemp(prefix="flowkeep-full-"))
    # Root's PostgreSQL runs as another user, who must be able to get there.
    folder.chmod(0o755)
    small = folder / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(small)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
        if mounted.returncode:
            pytest.skip(f"A file system can't be mounted here: {mounted.stderr.strip()}")
        try:
            yield small
        finally:
            subprocess.run(["umount", "--lazy", str(small)], check=True)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def cluster_beside(small: Path) -> Iterator[str]:
    """The URL of a cluster of its own: the checkpoints of one with a full tablespace fail, for all in it."""
    data = small.parent / "data"
    postgres = EmbeddedPostgres(data, settings=QUICK)
    try:
        url = postgres.start()
        owner = (data / "cluster").stat()
        os.chown(small, owner.st_uid, owner.st_gid)
        yield url
    finally:
        (small / "ballast").unlink(missing_ok=True)
        postgres.stop()


@pytest_asyncio.fixture
async def small_url(small: Path, cluster_beside: str) -> str:
    """A migrated database whose tables are on the small file system."""
    connection = await asyncpg.connect(at(cluster_beside, "postgres").replace("+asyncpg", ""))
    await connection.execute(f"CREATE TABLESPACE small LOCATION '{small}'")
    await connection.execute("CREATE DATABASE small TEMPLATE template0 TABLESPACE small")
    await connection.close()
    database = Database(at(cluster_beside, "small"))
    await migrate(database)
    await cover_ahead(database)
    await database.close()
    return at(cluster_beside, "small")


def fill(folder: Path) -> Path:
    """Leave no room; returns what takes it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return ballast


async def write_until(http: httpx.AsyncClient, url: str, code: str | None) -> dict[str, object]:
    """Write until the answer has this code, or no error: what fits into pages that are there still passes."""
    for number in range(2_000):
        name = f"{code}-{number}-{'x' * 150}"
        answer = (await http.post(url, json={"query": CREATE, "variables": {"name": name}})).json()
        (error,) = answer.get("errors") or [None]
        if (error and error["extensions"]["code"]) == code:
            return dict(error or {})
    raise AssertionError(f"No write was answered with {code}.")


async def test_it_is_said_and_ends_by_itself(
    small: Path, small_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_TRIAL_SECONDS", 0.1)
    settings = Settings(database_url=SecretStr(small_url), pool_size=1)
    async with serving(settings) as url, httpx.AsyncClient(timeout=60) as http:
        ready = url.replace("/graphql", "/readyz")
        with kept("flowkeep.database") as lines:
            ballast = fill(small)
            refused = await write_until(http, url, "UNWRITABLE")
            for _ in range(5):
                await http.post(url, json={"query": CREATE, "variables": {"name": "again"}})
            during = await http.get(ready)
            measured = await http.get(url.replace("/graphql", "/metrics"))
            await asyncio.sleep(1)
            still = await http.get(ready)
            reading = await http.post(url, json={"query": "{ workflows(first: 1) { totalCount } }"})
            ballast.unlink()
            for _ in range(300):
                if (await http.get(ready)).status_code == 200:
                    break
                await asyncio.sleep(0.1)
            await write_until(http, url, None)
    assert "disk is full" in str(refused["message"])
    assert (during.status_code, still.status_code) == (503, 503)
    assert during.json()["reasons"] == [refused["message"]]
    assert "flowkeep_database_refuses_writes 1.0" in measured.text
    assert "errors" not in reading.json()
    messages = [line["message"] for line in lines]
    assert len(messages) == 2, messages
    assert messages[0].endswith("No space left on device")
    assert "INSERT" not in messages[0]
    assert "takes writes again" in messages[1]


@pytest.mark.parametrize(
    "arguments",
    [("token", "create", "worker", "--scope", "READ"), ("import", "wfformat", str(TRACE))],
    ids=["token", "import"],
)
async def test_the_command_line_says_it_in_a_sentence(
    small: Path, small_url: str, arguments: tuple[str, ...]
) -> None:
    fill(small)
    run = process(*arguments, FLOWKEEP_DATABASE_URL=small_url)
    assert (run.returncode, run.stderr.strip()) == (1, SENTENCE)
