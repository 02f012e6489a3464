"""Where things are inside the data folder, and with which permissions.

    cluster/                the PostgreSQL cluster, 0700
    run/                    the socket, 0700; in /tmp when the path is too long for a socket
    log/                    the server's log, one file per weekday, and startup.log
    flowkeep.conf           the server's settings, rewritten at each of its starts
    password                the password of the database, 0600
    start.lock, users.lock  see locks.py
    pgsql-WHEEL-VERSION/    a copy of the programs, where the originals are closed to the server's account

Run by root, the data folder stays root's (0711: the account passes through, others see nothing) and
`cluster`, `run` and `log` belong to the account that runs PostgreSQL.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from db.embedded.accounts import Account
from db.embedded.errors import EmbeddedPostgresError

PORT = 5432  # only a part of the socket's name: nothing listens on TCP
# 107 bytes on Linux, 103 on macOS; one figure, for the path must not depend on who derives it.
_SOCKET_PATH_BYTES = 103
# Anything else would have to be quoted, differently in settings, in URLs and in a client's list of hosts.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")
# pg_ctl hands the path to a shell, in double quotes.
_SHELL_CHARACTERS = frozenset('"$`\\\n')
# Not tempfile.gettempdir(): every process must derive the same path, whatever its TMPDIR is.
_TEMPORARY = Path("/tmp")


def default_data_dir() -> Path:
    """The data folder when none is given: the system's for root, else the user's own."""
    if os.geteuid() == 0:
        return Path("/var/lib/flowkeep")
    data_home = Path(os.environ.get("XDG_DATA_HOME", ""))
    if not data_home.is_absolute():  # unset, or to be ignored: the XDG specification asks for absolute paths
        data_home = Path.home() / ".local" / "share"
    return data_home / "flowkeep"


@dataclass(frozen=True)
class Folders:
    """The paths of one data folder; `server_uid` is the user that runs, or will run, the server."""

    home: Path
    server_uid: int

    @property
    def cluster(self) -> Path:
        return self.home / "cluster"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def startup_log(self) -> Path:
        """What the server prints before its log proper is open."""
        return self.log / "startup.log"

    @property
    def configuration(self) -> Path:
        return self.home / "flowkeep.conf"

    @property
    def password(self) -> Path:
        return self.home / "password"

    @property
    def start_lock(self) -> Path:
        return self.home / "start.lock"

    @property
    def users_lock(self) -> Path:
        return self.home / "users.lock"

    @property
    def socket_folder(self) -> Path:
        run = self.home / "run"
        if _PLAIN_PATH.fullmatch(str(run)) and len(bytes(_socket(run))) <= _SOCKET_PATH_BYTES:
            return run
        identity = f"{self.server_uid}:".encode() + bytes(self.home)
        return _TEMPORARY / f"flowkeep-{hashlib.sha256(identity).hexdigest()[:16]}"

    @property
    def socket(self) -> Path:
        return _socket(self.socket_folder)


def prepare_home(home: Path, account: Account | None) -> None:
    """Make the data folder if it is missing.

    The permissions of folders that hold anything are left alone: they are the administrator's to open.

    Raises EmbeddedPostgresError for a path that PostgreSQL's programs do not take.
    """
    if awkward := _SHELL_CHARACTERS.intersection(str(home)):
        raise EmbeddedPostgresError(
            f"The data folder {home} has {' '.join(sorted(awkward))} in its name, which PostgreSQL's "
            "programs do not take. Choose another --data-dir."
        )
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account and not any(home.iterdir()):
        home.chmod(0o711)


def prepare_subfolders(folders: Folders, account: Account | None) -> None:
    """Make the folders that the server writes to, beside its cluster.

    Raises EmbeddedPostgresError when somebody else holds the socket folder's name in the temporary folder.
    """
    for folder in (folders.log, folders.socket_folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        _require_own(folder, folders.server_uid)
        give(folder, account)


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner of a file or folder that this process has made."""
    if account:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file that a reader, or a crash at any moment, finds either whole or not at all."""
    draft = path.with_name(f"{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)  # whatever the umask, or a draft left by a crash, made of it
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the renames in a folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _socket(folder: Path) -> Path:
    return folder / f".s.PGSQL.{PORT}"


def _require_own(folder: Path, server_uid: int) -> None:
    """Anyone may make names in /tmp: a link, or a folder of another user, is no place for the socket."""
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) & 0o077 == 0
    if not private or found.st_uid not in {server_uid, os.geteuid()}:
        raise EmbeddedPostgresError(
            f"{folder} is not a private folder of uid {server_uid}: remove it, or choose another --data-dir."
        )
