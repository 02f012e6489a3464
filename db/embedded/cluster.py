"""The cluster on disk: made once, whole or not at all, and recognised afterwards."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from pathlib import Path

from db.embedded.accounts import run_as
from db.embedded.binaries import Programs
from db.embedded.errors import EmbeddedPostgresError, disk_full, last_lines
from db.embedded.folders import Folders, give, sync_folder, write_whole

USER = "flowkeep"
_STAGING = "cluster.new-"
_INITDB_SECONDS = 120
_INITDB = (
    f"--username={USER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--data-checksums",
    "--no-instructions",
)
# Unicode's upper and lower case with the order of code points: the same on every system, unlike libc's.
_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
_FIRST_WITH_BUILTIN = 17
_LOCALE_BEFORE = ("--locale=C.UTF-8",)


def ensure_cluster(folders: Folders, programs: Programs, *, durable: bool) -> str:
    """Make the cluster if there is none, and return the password of its only user.

    To be called under the start lock. `durable` is False only for tests, which skip waiting for the disk.

    Raises EmbeddedPostgresError when the folder holds something else than a cluster of the programs' version,
    when the password is lost, or when initdb fails.
    """
    for leftover in folders.home.glob(f"{_STAGING}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    if folders.cluster.exists():
        _require_version(folders.cluster, programs)
        return _existing_password(folders)
    if (folders.home / "PG_VERSION").exists():
        raise EmbeddedPostgresError(
            f"{folders.home} is itself a PostgreSQL cluster, of another program. Choose another --data-dir."
        )
    if not folders.password.exists():
        write_whole(folders.password, secrets.token_urlsafe(24))
    password = _existing_password(folders)
    _create(folders, programs, password, durable=durable)
    return password


def _require_version(cluster: Path, programs: Programs) -> None:
    version_file = cluster / "PG_VERSION"
    found = version_file.read_text(encoding="ascii").strip() if version_file.is_file() else ""
    if not found:
        raise EmbeddedPostgresError(
            f"{cluster} is not a PostgreSQL cluster (it has no PG_VERSION). Restore it from a backup, "
            "move it away to begin anew, or choose another --data-dir."
        )
    if found != programs.major:
        raise EmbeddedPostgresError(
            f"{cluster} was made by PostgreSQL {found}, and this is PostgreSQL {programs.version} "
            f"({programs.folder}). Bring it over with pg_upgrade, name the programs of PostgreSQL {found} in "
            "FLOWKEEP_POSTGRES_BIN, or choose another --data-dir and load a dump of the old one."
        )


def _existing_password(folders: Folders) -> str:
    if not folders.password.is_file():
        raise EmbeddedPostgresError(
            f"{folders.password} is missing: it holds the password of the cluster beside it. "
            "Restore it from a backup, or choose another --data-dir."
        )
    return folders.password.read_text(encoding="utf-8").strip()


def _create(folders: Folders, programs: Programs, password: str, *, durable: bool) -> None:
    """Make the cluster beside its place and rename it: a crash leaves only what the next try removes.

    The other name is a new one each time, for the initdb of a killed process may still be writing to its own.
    """
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=folders.home))
    try:
        # The account may not read the password file itself when that is root's.
        write_whole(staging / "password", password)
        give(staging / "password", programs.account)
        give(staging, programs.account)
        _initdb(folders, programs, staging, durable=durable)
        (staging / "data").rename(folders.cluster)
        sync_folder(folders.home)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _initdb(folders: Folders, programs: Programs, staging: Path, *, durable: bool) -> None:
    data = str(staging / "data")
    password = f"--pwfile={staging / 'password'}"
    locale = _LOCALE if int(programs.major) >= _FIRST_WITH_BUILTIN else _LOCALE_BEFORE
    options = (password, "--no-sync", *_INITDB, *locale)
    done = programs.run("initdb", "-D", data, *options, timeout=_INITDB_SECONDS)
    if done.returncode == 0:
        # Appended by the account, not by root, in whose hands a planted link would be dangerous.
        include = f"\ninclude '../{folders.configuration.name}'\n"
        append = ["tee", "-a", f"{data}/postgresql.conf"]
        done = run_as(programs.account, append, stdin=include, timeout=_INITDB_SECONDS)
    if done.returncode == 0 and durable:
        done = programs.run("initdb", "-D", data, "--sync-only", timeout=_INITDB_SECONDS)
    if "No space left on device" in done.stdout:
        raise disk_full(folders.home)
    if done.returncode != 0:
        raise EmbeddedPostgresError(
            f"PostgreSQL could not make its cluster in {folders.home}:\n{last_lines(done.stdout)}"
        )
