"""Several processes that serve one listening socket, and the parent that looks after them.

The parent owns what is there once: the socket, the embedded PostgreSQL, the migration before anything
starts. SIGTERM and SIGINT stop the workers in order; SIGHUP replaces them one after the other. A worker
that dies is replaced, at once if it had served for a while and after a pause if it had not. A worker whose
parent has died stops by itself.
"""

import logging
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from types import FrameType

from prometheus_client import multiprocess

from db.errors import NotReady
from graph.app import create_app
from graph.http.server import LEFT_SECONDS, STOP_SECONDS, Server
from graph.settings import Settings
from graph.shutdown import Shutdown
from graph.telemetry.logs import set_up
from graph.telemetry.metrics import SHARED_FOLDER

logger = logging.getLogger("flowkeep.workers")

# A new interpreter for each: a fork would share the parent's threads' locks and sockets.
_SPAWN = multiprocessing.get_context("spawn")
_TICK_SECONDS = 0.2
_START_SECONDS = 60.0
_KILL_SECONDS = STOP_SECONDS + LEFT_SECONDS + 3.0
_SETTLED_SECONDS = 10.0
_LONGEST_PAUSE = 10.0


class _Worker:
    """One process, and whether it serves already."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._ready, theirs = _SPAWN.Pipe(duplex=False)
        self.process = _SPAWN.Process(target=_serve, args=(settings, listener, theirs), name="worker")
        self.process.start()
        theirs.close()
        self.started_at = time.monotonic()
        self._serves = False

    @property
    def serves(self) -> bool:
        if not self._serves and self._ready.poll():
            try:
                self._serves = self._ready.recv()
            except EOFError:
                return False
        return self._serves

    @property
    def alive(self) -> bool:
        return self.process.is_alive()

    def stop(self) -> None:
        if self.alive:
            self.process.terminate()

    def kill(self) -> None:
        self.process.kill()

    def end(self, seconds: float) -> None:
        """Wait for the process, and kill one that takes longer."""
        self.process.join(max(0.0, seconds))
        if self.alive:
            self.process.kill()
            self.process.join()
        self._ready.close()


class Workers:
    """As many workers as the settings say, until a signal."""

    def __init__(self, settings: Settings, listener: socket.socket, shutdown: Shutdown) -> None:
        self._settings = settings
        self._listener = listener
        self._shutdown = shutdown
        shutdown.abandon(self._kill)
        self._workers: list[_Worker] = []
        self._folder = ""
        self._stopping = False
        self._replacing = False
        self._failures = 0

    def run(self, on_started: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT; raises `NotReady` where the workers can't start."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._replace)
        self._folder = os.environ[SHARED_FOLDER] = tempfile.mkdtemp(prefix="flowkeep-metrics-")
        try:
            self._workers = [self._new() for _ in range(self._settings.workers)]
            self._await(self._workers)
            if not self._stopping:
                on_started()
            while not self._stopping:
                self._look_after()
        finally:
            self._end(self._workers)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._shutdown.signalled(number)
        self._stopping = True

    def _kill(self) -> None:
        for worker in self._workers:
            worker.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _replace(self, number: int, frame: FrameType | None) -> None:
        self._replacing = True

    def _new(self) -> _Worker:
        return _Worker(self._settings, self._listener)

    def _await(self, workers: list[_Worker]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._stopping and not all(worker.serves for worker in workers):
            if time.monotonic() > deadline or not all(worker.alive for worker in workers):
                raise NotReady("A worker did not start; the log above says why.")
            wait([worker.process.sentinel for worker in workers], _TICK_SECONDS / 4)

    def _look_after(self) -> None:
        wait([worker.process.sentinel for worker in self._workers], _TICK_SECONDS)
        for place, worker in enumerate(self._workers):
            if not worker.alive and not self._stopping:
                self._workers[place] = self._successor(worker)
        if self._replacing and not self._stopping:
            self._replacing = False
            self._replace_all()

    def _successor(self, dead: _Worker) -> _Worker:
        settled = time.monotonic() - dead.started_at >= _SETTLED_SECONDS
        self._failures = 0 if settled else self._failures + 1
        logger.error("Worker %s died (%s); another one starts", dead.process.pid, dead.process.exitcode)
        self._bury(dead)
        if self._failures > 1:
            self._pause(min(_LONGEST_PAUSE, 0.5 * 2**self._failures))
        return self._new()

    def _replace_all(self) -> None:
        for place, old in enumerate(list(self._workers)):
            new = self._new()
            try:
                self._await([new])
            except NotReady as error:
                logger.error("Worker %s stays: %s", old.process.pid, error)
                self._end([new])
                return
            self._workers[place] = new
            self._end([old])

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until:
            time.sleep(_TICK_SECONDS)

    def _end(self, workers: list[_Worker]) -> None:
        for worker in workers:
            worker.stop()
        deadline = time.monotonic() + _KILL_SECONDS
        for worker in workers:
            worker.end(deadline - time.monotonic())
            self._bury(worker)

    def _bury(self, worker: _Worker) -> None:
        if worker.process.pid is not None:
            multiprocess.mark_process_dead(worker.process.pid)  # type: ignore[no-untyped-call]


def _serve(settings: Settings, listener: socket.socket, ready: Connection) -> None:
    """What a worker does; its environment says that metrics are shared."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # for the parent to act upon
    set_up(settings)
    threading.Thread(target=_follow_parent, daemon=True).start()
    # Ctrl-C reaches all processes, and some supervisors signal each: the parent says when to end at once.
    shutdown = Shutdown(patient=True)
    Server(create_app(settings), settings, lambda: ready.send(True), shutdown).run(sockets=[listener])


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
