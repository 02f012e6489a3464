"""An embedded PostgreSQL that dies under its users is started again."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from db.embedded import EmbeddedPostgres, guard, guarded
from tests.db.test_embedded import QUICK
from tests.patience import eventually
from tests.telemetry.test_logs import kept

pytestmark = pytest.mark.slow


@pytest.fixture
def home() -> Iterator[Path]:
    """A data folder that root's unprivileged account can reach."""
    folder = Path(tempfile.mkdtemp(prefix="flowkeep-guard-"))
    folder.chmod(0o755)
    yield folder / "data"
    shutil.rmtree(folder)


@contextmanager
def guarded_server(home: Path) -> Iterator[tuple[EmbeddedPostgres, str]]:
    """A server that is looked after."""
    postgres = EmbeddedPostgres(home, settings=QUICK)
    with postgres as url, guarded(postgres):
        yield postgres, url


def kill(postgres: EmbeddedPostgres) -> int:
    """Kill the server's main process; returns its pid."""
    pid = postgres.postmaster_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


async def answers(url: str) -> bool:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return bool(await connection.fetchval("SELECT true"))
    finally:
        await connection.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at often."""
    monkeypatch.setattr(guard, "_LOOK_SECONDS", 0.05)


async def test_a_server_that_was_killed_comes_back_and_the_log_says_so(home: Path) -> None:
    with kept("flowkeep.postgres") as lines, guarded_server(home) as (postgres, url):
        killed = kill(postgres)
        assert eventually(lambda: len(lines) >= 2)
        assert (await answers(url), postgres.postmaster_pid == killed) == (True, False)
    assert "has died" in lines[0]["message"]
    assert "is back" in lines[1]["message"]


async def test_one_that_does_not_start_is_tried_again(home: Path) -> None:
    with kept("flowkeep.postgres") as lines, guarded_server(home) as (postgres, url):
        mark = home / "cluster" / "PG_VERSION"
        mark.rename(mark.with_name("HIDDEN"))
        kill(postgres)
        assert eventually(lambda: len(lines) >= 3)
        mark.with_name("HIDDEN").rename(mark)
        assert eventually(lambda: "is back" in lines[-1]["message"])
        assert await answers(url)
    assert "it has no PG_VERSION" in lines[1]["message"]
    assert "Trying again in" in lines[2]["message"]


def test_one_that_is_stopped_by_its_last_user_stays_so(home: Path) -> None:
    with kept("flowkeep.postgres") as lines, guarded_server(home):
        time.sleep(0.2)
    assert (lines, (home / "cluster" / "postmaster.pid").exists()) == ([], False)
