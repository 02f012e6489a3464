"""`flowkeep serve`: the service in the foreground, until SIGTERM or Ctrl-C."""

import signal
import socket
import sys
from functools import partial
from importlib.metadata import version
from types import FrameType
from typing import Annotated

import typer

from db.engine import Database
from db.errors import NotReady
from db.migrate import require_head
from graph.addresses import ENDPOINT, endpoint_at, is_loopback
from graph.app import create_app
from graph.auth.authenticator import Authenticator
from graph.commands.common import DataDir, missing_replica, run, with_database
from graph.commands.environment import load_settings
from graph.commands.migrate import bring_up
from graph.commands.workers import Workers
from graph.http.pages import built
from graph.http.server import Server
from graph.settings import Settings
from graph.shutdown import Shutdown
from graph.telemetry.logs import set_up


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (FLOWKEEP_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on, 0 for a free one (FLOWKEEP_PORT).")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that serve (FLOWKEEP_WORKERS).", show_default=False)
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
    settings = load_settings(host=host, port=port, workers=workers, data_dir=data_dir)
    if migrate is None:
        migrate = settings.database_url is None
    set_up(settings)
    shutdown = Shutdown()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, partial(_unwind, shutdown))
    with bound(settings.host, settings.port) as listener, with_database(settings, shutdown) as settings:
        # Before the server starts, so that what is wrong is a sentence rather than a failed start-up.
        run(settings, lambda database: _prepare(database, settings, migrate))
        if settings.workers == 1:
            _serve_until_stopped(settings, listener, shutdown)
        else:
            Workers(settings, listener, shutdown).run(lambda: _greet(settings, listener))
    typer.echo("Stopped.", err=True)


def _serve_until_stopped(settings: Settings, listener: socket.socket, shutdown: Shutdown) -> None:
    server = Server(create_app(settings), settings, lambda: _greet(settings, listener), shutdown)
    server.run(sockets=[listener])
    if not server.started:
        raise NotReady("The service did not start; the log above says why.")


def _greet(settings: Settings, listener: socket.socket) -> None:
    address = endpoint_at(settings.host, listener.getsockname()[1])
    typer.echo(f"Flowkeep {version('flowkeep')} serves GraphQL at {address}")
    if built():
        typer.echo(
            f"The dashboard is at {address.removesuffix(ENDPOINT)}: open it in a browser. Ctrl-C stops."
        )
    else:
        typer.echo("Its dashboard is not built yet; `make web` does it, with Node. Ctrl-C stops.")
    sys.stdout.flush()


async def _prepare(database: Database, settings: Settings, migrate: bool) -> None:
    if migrate:
        await bring_up(database, settings)
    else:
        await require_ready(database)
    # One that is away for now the service does without, and its log says so.
    await missing_replica(database, settings)
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


def _unwind(shutdown: Shutdown, number: int, frame: FrameType | None) -> None:
    # Python would die of SIGTERM without unwinding, and leave the embedded PostgreSQL running.
    shutdown.signalled(number)
    raise SystemExit(0)
