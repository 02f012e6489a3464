"""How uvicorn is set, wherever the application is served."""

import gc
import socket
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from graph.http.connection import HttpConnection
from graph.http.door import Config, door_of
from graph.http.frames import SocketConnection
from graph.settings import Settings
from graph.shutdown import Shutdown

REQUEST_SECONDS = 10
# Requests, then the jobs, the database's connections and the traces, each with a deadline of its own.
STOP_SECONDS = REQUEST_SECONDS + 12.0
LEFT_SECONDS = 5.0
# Objects that are made and not yet freed before a collection, and younger collections before an older one.
_COLLECTED_AFTER = (50_000, 20, 20)


class Server(uvicorn.Server):
    """Serves an application in this process, and stops in order."""

    def __init__(
        self,
        app: Starlette,
        settings: Settings,
        on_started: Callable[[], None] = lambda: None,
        shutdown: Shutdown | None = None,
    ) -> None:
        super().__init__(server_config(app, settings))
        self._app = app
        self._on_started = on_started
        self._end = shutdown or Shutdown()
        self._leaving = ExitStack()
        self._owns_loop = False

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve in an event loop of its own until a signal, and until nothing of it is left."""
        self._owns_loop = True
        with self._leaving:
            super().run(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal: stop in order; `Shutdown` makes it at once where there was one before."""
        self._end.signalled(sig)
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if self._owns_loop:
            settle_heap()
        if not self.should_exit:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, end what would go on for ever, and let the rest finish.

        WebSockets are closed by uvicorn at once, with 1012: their clients come again.
        """
        self._app.state.stop()
        with self._end.step("requests and what runs beside them", STOP_SECONDS):
            await super().shutdown(sockets)
        if self._owns_loop:
            self._leaving.enter_context(self._end.step("tasks and threads that are left", LEFT_SECONDS))


def settle_heap() -> None:
    """Have collections look at what requests make, and no more at the schema and all else that stays.

    Half of what a batch of writes took was collecting: reference counts free nearly all of its objects, and
    each collection walked through those of the start-up.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)


def server_config(app: Starlette, settings: Settings) -> Config:
    """The configuration for one process."""
    return Config(
        app,
        door_of(settings),
        http=HttpConnection,
        ws=SocketConnection,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_keep_alive=settings.idle_timeout,
        timeout_graceful_shutdown=REQUEST_SECONDS,
        # Compressing each message by itself costs memory for every socket and gains little.
        ws_per_message_deflate=False,
        ws_max_size=settings.max_socket_message_bytes,
    )
