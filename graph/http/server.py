"""How uvicorn is set, wherever the application is served."""

import uvicorn
from starlette.applications import Starlette

from graph.settings import Settings

_SHUTDOWN_SECONDS = 10


def server_config(app: Starlette, settings: Settings) -> uvicorn.Config:
    """The configuration for one process."""
    return uvicorn.Config(
        app,
        log_level=settings.log_level if settings.log_level != "info" else "warning",
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        # Compressing each message by itself costs memory for every socket and gains little.
        ws_per_message_deflate=False,
        ws_max_size=settings.max_socket_message_bytes,
    )
