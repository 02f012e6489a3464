"""What keeps the embedded PostgreSQL from starting, and what it tells the user then."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.embedded import EmbeddedPostgres, EmbeddedPostgresError, default_data_dir

AS_ROOT = os.geteuid() == 0


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty data folder that root's unprivileged account may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="flowkeep-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def cluster(home: Path) -> Path:
    """The first sight of a cluster: nothing more is read before the refusals."""
    folder = home / "cluster"
    folder.mkdir(mode=0o755)
    (folder / "PG_VERSION").write_text("18\n")
    return folder


def test_a_link_in_place_of_the_socket_folder(home: Path) -> None:
    (home / "run").symlink_to(home)
    with pytest.raises(EmbeddedPostgresError, match="run is not a private folder"):
        EmbeddedPostgres(home).start()


def test_a_file_in_place_of_the_data_folder(home: Path) -> None:
    (home / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match="file is not a folder"):
        EmbeddedPostgres(home / "file").start()


def test_a_file_on_the_way_to_the_data_folder(home: Path) -> None:
    (home / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match="is not a folder"):
        EmbeddedPostgres(home / "file" / "data").start()


def test_a_name_that_a_shell_would_change(home: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"has \$ in its name"):
        EmbeddedPostgres(home / "$HOME").start()


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_a_folder_closed_to_writing(home: Path) -> None:
    (home / "closed").mkdir(mode=0o500)
    with pytest.raises(EmbeddedPostgresError, match=r"no permission for .*closed"):
        EmbeddedPostgres(home / "closed" / "data").start()


@pytest.mark.skipif(not AS_ROOT, reason="only root runs the server as somebody else")
def test_a_folder_that_the_servers_account_cannot_reach(home: Path) -> None:
    (home / "closed").mkdir(mode=0o700)
    with pytest.raises(EmbeddedPostgresError, match=f"cannot enter {home / 'closed'},"):
        EmbeddedPostgres(home / "closed" / "data").start()


def test_a_cluster_of_another_version(home: Path, cluster: Path) -> None:
    (cluster / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 16"):
        EmbeddedPostgres(home).start()


def test_a_folder_without_programs(home: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="has no program postgres: FLOWKEEP_POSTGRES_BIN"):
        EmbeddedPostgres(home / "data", programs=home).start()


@pytest.mark.skipif(not AS_ROOT, reason="only root runs the server as somebody else")
def test_programs_that_the_servers_account_cannot_execute(home: Path) -> None:
    (home / "postgres").touch(mode=0o700)
    with pytest.raises(EmbeddedPostgresError, match="as a user that cannot execute"):
        EmbeddedPostgres(home / "data", programs=home).start()


def test_a_version_that_is_too_old(home: Path) -> None:
    (home / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.23 (Debian 14.23-1)'\n")
    (home / "postgres").chmod(0o755)
    with pytest.raises(EmbeddedPostgresError, match=r"PostgreSQL 14\.23 in .* is too old: 15 is the oldest"):
        EmbeddedPostgres(home / "data", programs=home).start()


def test_a_program_that_does_not_run_here(home: Path) -> None:
    (home / "postgres").write_text("#!/bin/sh\necho libz.so.1 is missing\nexit 127\n")
    (home / "postgres").chmod(0o755)
    with pytest.raises(EmbeddedPostgresError, match=r"does not run here: libz\.so\.1 is missing"):
        EmbeddedPostgres(home / "data", programs=home).start()


def test_a_cluster_without_a_version(home: Path, cluster: Path) -> None:
    (cluster / "PG_VERSION").unlink()
    with pytest.raises(EmbeddedPostgresError, match="not a PostgreSQL cluster"):
        EmbeddedPostgres(home).start()


def test_a_cluster_without_its_password(home: Path, cluster: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="password is missing"):
        EmbeddedPostgres(home).start()


def test_a_cluster_of_another_program(cluster: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="itself a PostgreSQL cluster"):
        EmbeddedPostgres(cluster).start()


def test_a_setting_that_the_server_refuses_is_quoted_from_its_log(home: Path) -> None:
    postgres = EmbeddedPostgres(home, settings={"fsync": "off", "shared_buffers": "plenty"})
    with pytest.raises(EmbeddedPostgresError, match='invalid value for parameter "shared_buffers": "plenty"'):
        postgres.start()


def test_a_missing_wheel(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.embedded.installations.find_spec", lambda name: None)
    with pytest.raises(EmbeddedPostgresError, match=r"pip install 'flowkeep\[embedded\]'"):
        EmbeddedPostgres(home).start()


@pytest.mark.parametrize(
    ("uid", "data_home", "expected"),
    [
        (0, "/elsewhere", "/var/lib/flowkeep"),
        (1000, "/elsewhere", "/elsewhere/flowkeep"),
        (1000, "", "/home/someone/.local/share/flowkeep"),
        (1000, "relative", "/home/someone/.local/share/flowkeep"),
    ],
)
def test_the_default_data_folder(
    monkeypatch: pytest.MonkeyPatch, uid: int, data_home: str, expected: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setenv("XDG_DATA_HOME", data_home)
    monkeypatch.setenv("HOME", "/home/someone")
    assert default_data_dir() == Path(expected)
