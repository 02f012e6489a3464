"""PostgreSQL's programs: run as the server's account, and of a version that is supported."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from db.embedded.accounts import Account, run_as
from db.embedded.errors import EmbeddedPostgresError, last_lines
from db.embedded.installations import has_library, programs_folder
from db.engine import OLDEST_SERVER

_VERSION_SECONDS = 30
# `postgres (PostgreSQL) 18.6`, and for a distribution's own `15.18 (Debian 15.18-0+deb12u1)`.
_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)\S*)")


@dataclass(frozen=True)
class Programs:
    """The folder of PostgreSQL's programs, the account to run them as, and their version, such as `18.6`."""

    folder: Path
    account: Account | None
    version: str

    @property
    def major(self) -> str:
        """The major version, such as `18`: a cluster is of one."""
        return self.version.split(".")[0]

    def has_library(self, name: str) -> bool:
        """Whether there is a library of contrib."""
        return has_library(self.folder, name)

    def run(self, program: str, *arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the server's account; its exit status is the caller's to judge.

        Raises EmbeddedPostgresError when it takes longer than `timeout` seconds.
        """
        return run_as(self.account, [str(self.folder / program), *arguments], timeout=timeout)

    def query(self, sql: str, *, socket_folder: Path, port: int, user: str, password: str) -> None:
        """Have the running server execute a script of psql, in the database `postgres`.

        Raises EmbeddedPostgresError with what psql printed when a statement, or the connection, fails.
        """
        done = run_as(
            None,  # a client needs the password, not the account
            [str(self.folder / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--no-password"],
            stdin=sql,
            timeout=60,
            variables={
                "PGHOST": str(socket_folder),
                "PGPORT": str(port),
                "PGUSER": user,
                "PGDATABASE": "postgres",
                "PGPASSWORD": password,
            },
        )
        if done.returncode != 0:
            raise EmbeddedPostgresError(f"The embedded PostgreSQL does not answer: {done.stdout.strip()}")


def find_programs(home: Path, account: Account | None, named: Path | None = None) -> Programs:
    """The programs in the folder `named`, else those of an installed wheel or of its copy in `home`.

    To be called under the start lock, for it may make the copy.

    Raises EmbeddedPostgresError when there are none, or they are older than what is supported.
    """
    folder = programs_folder(home, account, named)
    said = run_as(account, [str(folder / "postgres"), "--version"], timeout=_VERSION_SECONDS).stdout
    found = _VERSION.search(said)
    if found is None:
        raise EmbeddedPostgresError(f"{folder / 'postgres'} does not run here: {last_lines(said, count=1)}")
    if int(found[2]) < OLDEST_SERVER:
        raise EmbeddedPostgresError(
            f"PostgreSQL {found[1]} in {folder} is too old: {OLDEST_SERVER} is the oldest that "
            "Flowkeep runs on."
        )
    return Programs(folder, account, found[1])
