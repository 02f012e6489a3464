"""`flowkeep serve`: the service in the foreground, until SIGTERM or Ctrl-C."""

import signal
import socket
import sys
from importlib.metadata import version
from types import FrameType
from typing import Annotated

import typer
import uvicorn

from db.engine import Database
from db.errors import NotReady
from db.migrate import require_head
from graph.app import ENDPOINT, create_app
from graph.auth.addresses import is_loopback
from graph.auth.authenticator import Authenticator
from graph.commands.common import DataDir, load_settings, run, with_database
from graph.commands.migrate import bring_up
from graph.http.server import server_config
from graph.settings import Settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (FLOWKEEP_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on, 0 for a free one (FLOWKEEP_PORT).")
    ] = None,
    data_dir: DataDir = None,
    migrate: Annotated[
        bool | None,
        typer.Option(
            "--migrate/--no-migrate",
            help="Migrate the database first. By default only the embedded one is.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Serve GraphQL over HTTP until Ctrl-C or SIGTERM."""
    settings = load_settings(host=host, port=port, data_dir=data_dir)
    if migrate is None:
        migrate = settings.database_url is None
    # Python would die of SIGTERM without unwinding, and leave the embedded PostgreSQL running.
    signal.signal(signal.SIGTERM, _unwind)
    with bound(settings.host, settings.port) as listener, with_database(settings) as settings:
        # Before the server starts, so that what is wrong is a sentence rather than a failed start-up.
        run(settings, lambda database: _prepare(database, settings, migrate))
        _serve_until_stopped(settings, listener)


class _Server(uvicorn.Server):
    """Says where it serves, once it does."""

    address = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if not self.should_exit:
            typer.echo(f"Flowkeep {version('flowkeep')} serves GraphQL at {self.address}")
            typer.echo(f"GraphiQL is there too: open {self.address} in a browser. Ctrl-C stops.")
            sys.stdout.flush()


def _serve_until_stopped(settings: Settings, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    server = _Server(server_config(create_app(settings), settings))
    server.address = f"http://{shown}:{port}{ENDPOINT}"
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
    if not server.started:
        raise NotReady("The service did not start; the log above says why.")


async def _prepare(database: Database, settings: Settings, migrate: bool) -> None:
    if migrate:
        await bring_up(database, settings)
    else:
        await require_ready(database)
    await require_authentication(database, settings)


async def require_ready(database: Database) -> None:
    """Raise `NotReady` for a database that this release can't serve."""
    await database.check_server()
    await require_head(database)


async def require_authentication(database: Database, settings: Settings) -> None:
    """Raise `NotReady` for an address that others can reach while nobody is asked who they are."""
    if is_loopback(settings.host) or await Authenticator(database, settings).required():
        return
    raise NotReady(
        f"Without authentication Flowkeep only listens on this machine, not on {settings.host}: anybody who "
        "can reach it could read and change everything. Create a token first (`flowkeep token create NAME "
        "--scope ADMIN`) or name a provider (FLOWKEEP_OIDC_ISSUER, FLOWKEEP_OIDC_AUDIENCE); or use 127.0.0.1."
    )


def bound(host: str, port: int) -> socket.socket:
    """A listening socket; raises `NotReady` where the port is taken or the address is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise NotReady(
            f"Can't listen on {host} port {port}: {error.strerror}. "
            "Choose another with --port (0 takes a free one), or stop what listens there."
        ) from error
    return listener


def _unwind(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
