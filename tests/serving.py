"""The real service in this process's loop, on a free port, with whatever settings a test needs."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from graph.app import create_app
from graph.http.server import Server
from graph.settings import Settings

_PLAIN = {"pool_size": 1, "dashboard": False, "retention_interval": 0}


def settings_of(url: str, /, **given: Any) -> Settings:
    """The settings of a server on a database, with a pool of one connection unless told.

    Without the dashboard, all of whose documents would be checked at each start, and without retention, which
    would ask the database something in the middle of some test.
    """
    return Settings(database_url=SecretStr(url), **{**_PLAIN, **given})


@asynccontextmanager
async def serving(settings: Settings, port: int = 0) -> AsyncIterator[str]:
    """Serve as long as the block, on a free port unless told; yields the endpoint's URL."""
    # With its protocol named, asyncio sets TCP_NODELAY: without, every answer would wait 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    server = Server(create_app(settings), settings)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        if running.done():
            await running
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/graphql"
    server.should_exit = True
    await running
    listener.close()
