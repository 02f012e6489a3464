"""The server process: start it, wait for it, stop it. All to be called under the start lock."""

from __future__ import annotations

import time
from collections.abc import Mapping

from db.embedded.binaries import Programs
from db.embedded.cluster import USER
from db.embedded.configuration import write_configuration
from db.embedded.errors import EmbeddedPostgresError, last_lines
from db.embedded.folders import PORT, Folders
from db.embedded.logs import clear_old_logs, end_of, end_of_logs
from db.embedded.postmaster import clear_stale_locks, find_postmaster, is_ready
from db.extensions import Extension

DATABASE = "flowkeep"
START_SECONDS = 60
STOP_SECONDS = 60
_POLL_SECONDS = 0.02
_MARGIN_SECONDS = 10  # for pg_ctl to report, beyond what it waits
_CREATE_DATABASE = (
    f"SELECT 'CREATE DATABASE {DATABASE}' "
    f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec\n"
)
# What an administrator decides elsewhere. Nothing needs them: one that can't be made keeps nobody out.
_ADD_EXTENSIONS = (
    f"\\connect {DATABASE}\n"
    "\\set ON_ERROR_STOP off\n"
    "SELECT 'CREATE EXTENSION IF NOT EXISTS ' || name FROM pg_available_extensions "
    f"WHERE name IN ('{Extension.CHECKS}', '{Extension.STATEMENTS}') AND installed_version IS NULL \\gexec\n"
)


class Server:
    """The server of one data folder, whoever started it."""

    def __init__(self, folders: Folders, programs: Programs) -> None:
        self._folders = folders
        self._programs = programs

    @property
    def pid(self) -> int | None:
        """The pid of the server's main process, or None when it does not run."""
        found = find_postmaster(self._folders)
        return found.pid if found else None

    def ensure_running(self, settings: Mapping[str, str]) -> None:
        """Return when the server is ready, having started it unless it runs already.

        A server that is still recovering from a crash when the time is up goes on doing so, for the next try.

        Raises EmbeddedPostgresError, with the end of the server's log, when it fails or takes too long.
        """
        deadline = time.monotonic() + START_SECONDS
        while not is_ready(self._folders):
            if time.monotonic() > deadline:
                raise self._failure(f"is not ready after {START_SECONDS} s; try again in a while")
            if self.pid is None:
                self._launch(settings)
            else:
                time.sleep(_POLL_SECONDS)  # a start or stop whose process was killed before its end

    def ensure_database(self, password: str) -> None:
        """Create our database, with the extensions that there are programs of, where it lacks them.

        This also proves that the password opens the running server.

        Raises EmbeddedPostgresError when the server refuses.
        """
        self._programs.query(
            _CREATE_DATABASE + _ADD_EXTENSIONS,
            socket_folder=self._folders.socket_folder,
            port=PORT,
            user=USER,
            password=password,
        )

    def stop(self) -> None:
        """Stop the server, if it runs, without waiting for its clients.

        Raises EmbeddedPostgresError when it takes too long; it goes on stopping.
        """
        if self.pid is None:
            return
        complaint = self._pg_ctl("stop", "--mode=fast", seconds=STOP_SECONDS)
        if complaint and self.pid is not None:
            raise self._failure(f"has not stopped ({last_lines(complaint)})")

    def _launch(self, settings: Mapping[str, str]) -> None:
        """Start the server; where that fails for a reason that passes, return without it."""
        clear_stale_locks(self._folders)
        clear_old_logs(self._folders)
        write_configuration(self._folders, self._programs, settings)
        complaint = self._pg_ctl("start", f"--log={self._folders.startup_log}", seconds=START_SECONDS)
        if not complaint or self.pid is not None:
            return  # the latter: slow to get ready, or a killed process's pg_ctl was starting it as well
        if "pre-existing shared memory block" in end_of(self._folders.startup_log):
            time.sleep(_POLL_SECONDS)  # the children of a killed postmaster take a moment to notice
            return
        raise self._failure(f"does not start ({last_lines(complaint, count=1)})")

    def _pg_ctl(self, action: str, *options: str, seconds: int) -> str:
        """Run pg_ctl and wait for the outcome; return what it complained of, empty when all is well."""
        done = self._programs.run(
            "pg_ctl",
            action,
            f"--pgdata={self._folders.cluster}",
            f"--timeout={seconds}",
            "--wait",
            *options,
            timeout=seconds + _MARGIN_SECONDS,
        )
        return "" if done.returncode == 0 else done.stdout or f"pg_ctl: exit status {done.returncode}"

    def _failure(self, what: str) -> EmbeddedPostgresError:
        return EmbeddedPostgresError(
            f"The embedded PostgreSQL in {self._folders.home} {what}. The end of its log:\n"
            f"{end_of_logs(self._folders)}"
        )
