"""What the commands share: options, and a database for as long as a command runs."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import SecretStr

from db.embedded import EmbeddedPostgres, default_data_dir, guarded
from db.engine import Database
from graph.commands.environment import warn_of_unknown_variables
from graph.databases import open_replica
from graph.settings import Settings
from graph.shutdown import Shutdown

T = TypeVar("T")

DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of the embedded PostgreSQL (FLOWKEEP_DATA_DIR).", show_default=False),
]
# More than PostgreSQL is given to stop, so that it can say itself what is wrong.
_POSTGRES_SECONDS = 120.0
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON, for scripts.")]


@contextmanager
def with_database(settings: Settings, shutdown: Shutdown | None = None) -> Iterator[Settings]:
    """Settings whose `database_url` is set: the external database's, or an embedded one's while inside.

    The embedded one ends with the process also where that can't end in order, as `shutdown` sees to.
    """
    warn_of_unknown_variables()
    if settings.database_url is not None:
        yield settings
        return
    shutdown = shutdown or Shutdown()
    postgres = EmbeddedPostgres(settings.data_dir or default_data_dir(), programs=settings.postgres_bin)
    shutdown.abandon(postgres.abandon)
    with ExitStack() as ending, postgres as url, guarded(postgres):
        try:
            yield settings.model_copy(update={"database_url": SecretStr(url)})
        finally:
            ending.enter_context(shutdown.step("the embedded PostgreSQL", _POSTGRES_SECONDS))


async def missing_replica(database: Database, settings: Settings) -> str | None:
    """Why the replica can't be reached; None where it can, or there is none.

    Raises `NotReady` where it is no standby of the database.
    """
    replica = open_replica(settings, database)
    if replica is None:
        return None
    try:
        return await replica.require_standby()
    finally:
        await replica.close()


def run(settings: Settings, work: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    """Do `work` on the database of `settings`, whose URL must be set, and close it."""
    if settings.database_url is None:
        raise ValueError("run needs settings with a database_url")
    url = settings.database_url.get_secret_value()

    async def whole() -> T:
        database = Database(url, pool_size=settings.pool_size, pooler=settings.pgbouncer)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(whole())
