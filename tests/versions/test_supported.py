"""Every supported PostgreSQL: the core of this suite on each that is there, and the refusal of older ones.

`make servers` fetches those that are missing; what then is not there, or does not run here, is skipped.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.embedded import EmbeddedPostgres, EmbeddedPostgresError
from db.engine import OLDEST_SERVER, Database
from db.errors import NotReady
from tests.postgres import NAMED, PROGRAMS, programs_of

ROOT = Path(__file__).parents[2]
NEWEST = 18
# Migrations there and back, writes and races, nested reads, state, recovery, feeds, partitions, retention,
# and what contrib brings.
CORE = {
    "tests/migrations": [""],
    "tests/races": [""],
    "tests/db": ["claims", "indexes", "log_search", "partitions", "pruning", "retention", "translation"],
    "tests/graph": [
        "check",
        "commit_step",
        "nested",
        "record_filters",
        "recovery",
        "state_writes",
        "statistics",
    ],
    "tests/live": ["deletions", "feeds"],
}
# A bound on a suite that waits for ever: alone on two cores it takes half a minute.
CORE_SECONDS = 900


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty folder that root's unprivileged account may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="flowkeep-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def runnable(major: int, home: Path) -> Path:
    """The version's programs, in a copy where its place is closed to the server's account."""
    programs = programs_of(major)
    done = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"PostgreSQL {major} does not run here: {done.stderr.strip()}")
    if ROOT in programs.parents:
        return Path(shutil.copytree(programs.parent, home / "programs", symlinks=True)) / programs.name
    return programs


@pytest.mark.timeout(CORE_SECONDS + 60)
@pytest.mark.parametrize("major", range(OLDEST_SERVER, NEWEST))
def test_the_core_of_the_suite_passes(major: int, home: Path) -> None:
    """The newest is the one that the suite runs on anyway."""
    programs = runnable(major, home)
    paths = [
        f"{folder}/test_{name}.py" if name else folder for folder, names in CORE.items() for name in names
    ]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TESTS_"))
    }
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "--maxfail=5", *paths],
        cwd=ROOT,
        env={**environment, NAMED: str(programs)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=CORE_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout


def test_one_that_is_too_old_is_not_embedded(home: Path) -> None:
    programs = runnable(OLDEST_SERVER - 1, home)
    with pytest.raises(EmbeddedPostgresError, match=f"is too old: {OLDEST_SERVER} is the oldest"):
        EmbeddedPostgres(home / "data", programs=programs).start()


async def test_a_server_that_is_too_old_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = runnable(OLDEST_SERVER - 1, home)
    monkeypatch.setattr("db.embedded.binaries.OLDEST_SERVER", OLDEST_SERVER - 1)  # or it would not be started
    with EmbeddedPostgres(home / "data", programs=programs, settings={"fsync": "off"}) as url:
        database = Database(url)
        with pytest.raises(NotReady, match=f"PostgreSQL {OLDEST_SERVER - 1}.* is too old"):
            await database.check_server()
        await database.close()


@pytest.mark.skipif(PROGRAMS is not None, reason="another version is tested")
async def test_the_suite_runs_on_the_newest(database: Database) -> None:
    assert (await database.check_server()).split(".")[0] == str(NEWEST)
