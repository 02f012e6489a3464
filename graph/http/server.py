"""How uvicorn is set, wherever the application is served."""

import socket
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette

from graph.settings import Settings

SHUTDOWN_SECONDS = 10


class Server(uvicorn.Server):
    """Serves an application in this process, and stops in order."""

    def __init__(
        self, app: Starlette, settings: Settings, on_started: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(server_config(app, settings))
        self._app = app
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if not self.should_exit:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, end what would go on for ever, and let the rest finish.

        WebSockets are closed by uvicorn at once, with 1012: their clients come again.
        """
        self._app.state.stop()
        await super().shutdown(sockets)


def server_config(app: Starlette, settings: Settings) -> uvicorn.Config:
    """The configuration for one process."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        # Compressing each message by itself costs memory for every socket and gains little.
        ws_per_message_deflate=False,
        ws_max_size=settings.max_socket_message_bytes,
    )
