"""One user's hold on the embedded PostgreSQL."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from sqlalchemy import URL

from db.embedded.accounts import require_way_in, service_account
from db.embedded.binaries import find_programs
from db.embedded.cluster import USER, ensure_cluster
from db.embedded.errors import explained
from db.embedded.folders import PORT, Folders, prepare_home, prepare_subfolders
from db.embedded.locks import Membership, exclusive
from db.embedded.server import DATABASE, START_SECONDS, STOP_SECONDS, Server

# Enough for another process to make the cluster and to start it, or to stop it.
_TURN_SECONDS = 120 + START_SECONDS + STOP_SECONDS


@dataclass(frozen=True)
class _Hold:
    """What a started instance has: a server, and a part in it."""

    folders: Folders
    server: Server
    membership: Membership

    def give_up(self) -> None:
        """Leave the server, stopping it after the last user. To be called under the start lock."""
        if self.membership.leave():
            self.server.stop()


class EmbeddedPostgres:
    """A PostgreSQL of our own in a data folder, shared by every process that names the same folder.

    The first user starts the server and the last one out stops it. `settings` override the configuration
    for as long as the server runs, if it is this user that starts it. `programs` is the folder of
    PostgreSQL's programs; without it an installed wheel's are taken.
    """

    def __init__(
        self, data_dir: Path, *, settings: Mapping[str, str] | None = None, programs: Path | None = None
    ) -> None:
        self._home = data_dir.expanduser().resolve()
        self._settings = dict(settings or {})
        self._programs = programs
        self._hold: _Hold | None = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def postmaster_pid(self) -> int | None:
        """The pid of the server's main process; None when it does not run, or before start()."""
        return self._hold.server.pid if self._hold else None

    def start(self) -> str:
        """Make the cluster if there is none, start the server or join it, and return SQLAlchemy's URL for it.

        Called again, it brings back a server that has died.

        Raises EmbeddedPostgresError, and is then no more of a user of the server than it was before.
        """
        with explained(self._home):
            account = service_account(self._home / "cluster")
            folders = Folders(self._home, server_uid=account.uid if account else os.geteuid())
            prepare_home(self._home, account)
            require_way_in(account, self._home)
            with exclusive(folders.start_lock, _TURN_SECONDS):
                prepare_subfolders(folders, account)
                programs = find_programs(self._home, account, self._programs)
                durable = self._settings.get("fsync") != "off"
                password = ensure_cluster(folders, programs, durable=durable)
                self._join(folders, Server(folders, programs), password)
        return _url(folders, password)

    def stop(self) -> None:
        """Stop using the server, and stop the server if nobody else uses it. Does nothing without a start().

        Raises EmbeddedPostgresError when the server takes too long to stop.
        """
        hold = self._hold
        if hold is None:
            return
        try:
            if not hold.membership.inherited:
                with explained(self._home), exclusive(hold.folders.start_lock, _TURN_SECONDS):
                    hold.give_up()
        finally:
            hold.membership.close()
            self._hold = None

    def abandon(self) -> None:
        """Stop using the server without waiting for anything; after its last user it stops by itself."""
        hold, self._hold = self._hold, None
        if hold is None or hold.membership.inherited:
            return
        pid = hold.server.pid
        if hold.membership.leave() and pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)  # what pg_ctl calls a fast shutdown

    def _join(self, folders: Folders, server: Server, password: str) -> None:
        """Become a user of the server, which is then running and has our database; undone by a failure."""
        with ExitStack() as undo:
            hold = self._hold
            if hold is None or hold.membership.inherited:
                hold = _Hold(folders, server, Membership(folders.users_lock))
                undo.callback(hold.membership.close)
            server.ensure_running(self._settings)
            if hold is not self._hold:
                undo.callback(hold.give_up)
            server.ensure_database(password)
            undo.pop_all()
        self._hold = hold


def _url(folders: Folders, password: str) -> str:
    url = URL.create(
        "postgresql+asyncpg",
        username=USER,
        password=password,
        database=DATABASE,
        # The port names the socket; without it asyncpg would take a PGPORT from the environment.
        query={"host": str(folders.socket_folder), "port": str(PORT)},
    )
    return url.render_as_string(hide_password=False)
