"""The two locks by which processes share one server.

`start.lock` is held, alone, while a process decides whether to start or to stop the server. `users.lock` is
held, shared, by every process for as long as it uses the server; whoever can hold it alone is the last one.

Both are flock(2) locks: the kernel lets go of them at the death of a process, so that a crash leaves nothing
to clean up, and each opening of the file counts by itself, so that two users in one process are two.
Descriptors are closed on exec (Python's default), or the server would hold its own users' lock for ever.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from db.embedded.errors import EmbeddedPostgresError

_POLL_SECONDS = 0.01


@contextmanager
def exclusive(path: Path, timeout: float) -> Iterator[None]:
    """Hold the lock alone inside the block.

    Raises EmbeddedPostgresError when another process has held it for `timeout` seconds.
    """
    descriptor = _open(path)
    try:
        deadline = time.monotonic() + timeout
        while not _try_lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"Another process has been starting or stopping the database for {timeout:.0f} s "
                    f"(it holds {path}). Wait for it, or end it, and start again."
                )
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


class Membership:
    """The part of one user in the server. To be made and left under the start lock."""

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = _open(path)
        self._process = os.getpid()
        # Does not wait: the lock is only ever held alone by a holder of the start lock.
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    @property
    def inherited(self) -> bool:
        """Whether this is a fork's copy: the part is the parent's, and not the child's to give up."""
        return self._process != os.getpid()

    def leave(self) -> bool:
        """Stop being a user, and return whether that was the last one."""
        last = self._descriptor is not None and _try_lock(self._descriptor, fcntl.LOCK_EX)
        self.close()
        return last

    def close(self) -> None:
        """Stop being a user without asking who remains. May be called again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
