"""Starts the embedded PostgreSQL again when it dies under its users.

Somebody kills it, or the kernel does when memory runs out, and only the processes that use it know that it
should run. Each of them looks every second; whoever is first starts it, under the start lock, and the others
join. PostgreSQL itself replaces its processes other than the first.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from db.embedded.errors import EmbeddedPostgresError
from db.embedded.instance import EmbeddedPostgres

logger = logging.getLogger("flowkeep.postgres")

_LOOK_SECONDS = 1.0
_LONGEST_PAUSE = 60.0


@contextmanager
def guarded(postgres: EmbeddedPostgres) -> Iterator[None]:
    """Look after a started server as long as the block."""
    stopping = threading.Event()
    guard = threading.Thread(target=_guard, args=(postgres, stopping), name="postgres guard", daemon=True)
    guard.start()
    try:
        yield
    finally:
        stopping.set()
        guard.join()


def _guard(postgres: EmbeddedPostgres, stopping: threading.Event) -> None:
    while not stopping.wait(_LOOK_SECONDS):
        if postgres.postmaster_pid is None:
            logger.error("The embedded PostgreSQL has died; starting it again")
            _start_again(postgres, stopping)


def _start_again(postgres: EmbeddedPostgres, stopping: threading.Event) -> None:
    died_at, pause = time.monotonic(), _LOOK_SECONDS
    while not stopping.is_set():
        try:
            postgres.start()
        except EmbeddedPostgresError as error:
            logger.error("%s Trying again in %g s.", error, pause)
            stopping.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            logger.warning("The embedded PostgreSQL is back after %.1f s", time.monotonic() - died_at)
            return
