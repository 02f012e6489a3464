"""A real streaming standby of the run's cluster, made by pg_basebackup."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from db.embedded.accounts import service_account
from db.embedded.binaries import Programs, find_programs
from db.embedded.configuration import write_configuration
from db.embedded.folders import PORT, Folders, give, prepare_home, prepare_subfolders
from db.embedded.postmaster import clear_stale_locks, find_postmaster
from db.engine import Database
from db.replica import Positions
from tests.conftest import CLUSTER, PREPARED, QUICK, REPLICATED, SHARED
from tests.patience import PATIENCE, eventually
from tests.postgres import PROGRAMS, program

_REPLAYED = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn"
SETTINGS = {
    **QUICK,
    **SHARED,
    **PREPARED,
    **REPLICATED,
    # Soon, rather than after the seconds that production waits.
    "max_standby_streaming_delay": "100ms",
    "wal_retrieve_retry_interval": "100ms",
}


class Standby:
    """A standby in a folder of its own, for as long as it is needed."""

    def __init__(self, primary_url: str) -> None:
        program("pg_basebackup")  # or there is nothing to do here
        self._primary = make_url(primary_url)
        home = Path(tempfile.mkdtemp(prefix="flowkeep-standby-"))
        home.chmod(0o755)  # as root PostgreSQL runs as another user, who must be able to get there
        account = service_account(Path(os.environ[CLUSTER]) / "cluster")
        self._folders = Folders(home, account.uid if account else os.geteuid())
        self._programs: Programs = find_programs(Path(os.environ[CLUSTER]), account, PROGRAMS)
        prepare_home(home, account)
        prepare_subfolders(self._folders, account)
        self._folders.cluster.mkdir(mode=0o700)
        give(self._folders.cluster, account)

    @property
    def url(self) -> str:
        """The URL of the same database on the standby."""
        place = {"host": str(self._folders.socket_folder), "port": str(PORT)}
        return self._primary.update_query_dict(place).render_as_string(hide_password=False)

    def make(self) -> None:
        """Take a copy of the primary, and start it as its standby."""
        source = self._primary.set(drivername="postgresql", database="postgres")
        self._run(
            "pg_basebackup",
            f"--dbname={source.render_as_string(hide_password=False)}",
            f"--pgdata={self._folders.cluster}",
            "--checkpoint=fast",
            "--write-recovery-conf",
            "--no-sync",
        )
        write_configuration(self._folders, self._programs, SETTINGS)
        self.start()

    def start(self) -> None:
        """Start it, and wait until it may be read from."""
        # The children of one that was killed take a moment to notice, and until then nothing starts here.
        assert eventually(self._started), self._folders.startup_log.read_text()

    def _started(self) -> bool:
        clear_stale_locks(self._folders)
        data, log = f"--pgdata={self._folders.cluster}", f"--log={self._folders.startup_log}"
        runs = self._programs.run("pg_ctl", "status", data, timeout=PATIENCE)
        if runs.returncode:
            runs = self._programs.run("pg_ctl", "start", "--wait", data, log, timeout=PATIENCE)
        return runs.returncode == 0

    def signal(self, number: signal.Signals) -> None:
        """Send all of its processes a signal, at once."""
        for pid in self._processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def kill(self) -> None:
        """End all of its processes, as a loss of power does."""
        self.signal(signal.SIGKILL)

    async def catch_up(self, primary: Database) -> None:
        """Wait until it has all that the primary has committed, some of it replayed since its start."""
        async with primary.changing() as connection:
            await connection.execute("SELECT pg_current_xact_id()")
        position = await Positions(primary).now()
        async with asyncio.timeout(PATIENCE):
            while not await self.ask(_REPLAYED, position):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)

    async def pause(self) -> None:
        """Have it fall behind from here on: what it receives it keeps, and does not replay."""
        await self.ask("SELECT pg_wal_replay_pause()")
        async with asyncio.timeout(PATIENCE):
            while await self.ask("SELECT pg_get_wal_replay_pause_state()") != "paused":  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def resume(self) -> None:
        """Have it go on."""
        await self.ask("SELECT pg_wal_replay_resume()")

    async def ask(self, sql: str, *arguments: Any) -> Any:
        """What one statement on it gives."""
        connection = await asyncpg.connect(self.url.replace("+asyncpg", ""))
        try:
            return await connection.fetchval(sql, *arguments)
        finally:
            await connection.close()

    def remove(self) -> None:
        """Stop it and remove its folder."""
        if self._processes():
            self._run("pg_ctl", "stop", f"--pgdata={self._folders.cluster}", "--mode=immediate", "--wait")
        shutil.rmtree(self._folders.home)

    def _processes(self) -> list[int]:
        main = find_postmaster(self._folders)
        if main is None:
            return []
        listed = Path(f"/proc/{main.pid}/task/{main.pid}/children")
        return [main.pid, *(int(pid) for pid in listed.read_text().split())]

    def _run(self, program: str, *arguments: str) -> None:
        done = self._programs.run(program, *arguments, timeout=PATIENCE)
        assert done.returncode == 0, done.stdout


@contextmanager
def made(url: str) -> Iterator[Standby]:
    """A standby of a database's cluster, as long as the block."""
    standby = Standby(url)
    try:
        standby.make()
        yield standby
    finally:
        standby.remove()
