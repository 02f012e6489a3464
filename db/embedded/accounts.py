"""Who runs PostgreSQL.

PostgreSQL refuses to run as root, so a root process runs its programs as an unprivileged account, to which
the cluster belongs. Root never writes through a folder that belongs to that account: a link planted there
would lead the write astray.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from db.embedded.errors import EmbeddedPostgresError

_CANDIDATES = ("flowkeep", "postgres", "nobody")
# PG* variables (PGPORT, PGOPTIONS ...) would change what the programs do, and the server should not hold this
# process's secrets for as long as it lives: only what finding programs and libraries takes is passed on.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Account:
    """An unprivileged user of the system that runs PostgreSQL in place of root."""

    uid: int
    gid: int


def service_account(cluster: Path) -> Account | None:
    """The account to run PostgreSQL as; None when this process is unprivileged and runs it itself.

    An existing cluster keeps its owner, so that an account added later does not lock us out of the data.

    Raises EmbeddedPostgresError when root finds no unprivileged account on the system.
    """
    if os.geteuid() != 0:
        return None
    if cluster.is_dir() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in _CANDIDATES:
        if name in known and known[name].pw_uid != 0:
            return Account(known[name].pw_uid, known[name].pw_gid)
    raise EmbeddedPostgresError(
        "PostgreSQL does not run as root, and this system has none of the users "
        f"{', '.join(_CANDIDATES)} to run it as: add one with `useradd --system flowkeep`."
    )


def run_as(
    account: Account | None,
    command: list[str],
    *,
    timeout: float,
    stdin: str = "",
    variables: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as `account`, both its outputs gathered in `stdout`.

    Raises EmbeddedPostgresError when the program takes longer than `timeout` seconds.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        return subprocess.run(
            command,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            cwd="/",  # the caller's folder may be closed to the account
            env={**environment, "LC_ALL": "C", **(variables or {})},
            start_new_session=True,  # Ctrl-C in the terminal is for us; the server hears of it from stop()
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except subprocess.TimeoutExpired as error:
        raise EmbeddedPostgresError(f"{Path(command[0]).name} did not finish in {timeout:.0f} s.") from error


def can_enter(account: Account | None, path: Path) -> bool:
    """Whether the account may go into the folder, or execute the program, at `path`.

    The system is asked, rather than mode bits read: access lists and mount options count as well.
    """
    return account is None or run_as(account, ["test", "-x", str(path)], timeout=10).returncode == 0


def require_way_in(account: Account | None, folder: Path) -> None:
    """Raise EmbeddedPostgresError, naming the closed folder, when the account cannot reach `folder`."""
    if can_enter(account, folder):
        return
    closed = next(step for step in (*reversed(folder.parents), folder) if not can_enter(account, step))
    user = account.uid if account else os.geteuid()
    raise EmbeddedPostgresError(
        f"PostgreSQL runs as an unprivileged user (uid {user}) that cannot enter {closed}, so the data "
        f"folder {folder} is out of its reach. Choose another --data-dir, such as /var/lib/flowkeep."
    )
