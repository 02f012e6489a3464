"""The one error of the embedded PostgreSQL, and the translation of the operating system's errors into it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from db.errors import NotReady

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_NOT_A_FOLDER = {errno.ENOTDIR, errno.EEXIST}


class EmbeddedPostgresError(NotReady):
    """The embedded PostgreSQL cannot be used; the message tells the person at the terminal what to do."""


@contextmanager
def explained(home: Path) -> Iterator[None]:
    """Turn an OSError inside the block into an EmbeddedPostgresError about the data folder `home`."""
    try:
        yield
    except OSError as error:
        raise EmbeddedPostgresError(_explain(home, error)) from error


def disk_full(home: Path) -> EmbeddedPostgresError:
    """The error for a full disk, whoever met it: this process or one of PostgreSQL's programs."""
    return EmbeddedPostgresError(f"The disk that holds {home} is full: free some space and start again.")


def last_lines(text: str, count: int = 15) -> str:
    """The last `count` lines of a program's output that are not blank, ready to end a message with."""
    return "\n".join([line for line in text.splitlines() if line.strip()][-count:])


def _explain(home: Path, error: OSError) -> str:
    where = error.filename or home
    if error.errno in _FULL:
        return str(disk_full(home))
    if error.errno in _NOT_A_FOLDER:
        return f"The data folder {home} cannot be made: {where} is not a folder. Choose another --data-dir."
    if error.errno in _FORBIDDEN:
        return (
            f"The data folder {home} cannot be used: this user has no permission for {where} "
            f"({error.strerror}). Run as the folder's owner or choose another --data-dir."
        )
    return f"The data folder {home} cannot be used: {error}."
