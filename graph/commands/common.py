"""What the commands share: options, and a database for as long as a command runs."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import SecretStr

from db.embedded import EmbeddedPostgres, default_data_dir, guarded
from db.engine import Database
from graph.commands.environment import warn_of_unknown_variables
from graph.settings import Settings

T = TypeVar("T")

DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of the embedded PostgreSQL (FLOWKEEP_DATA_DIR).", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON, for scripts.")]


@contextmanager
def with_database(settings: Settings) -> Iterator[Settings]:
    """Settings whose `database_url` is set: the external database's, or an embedded one's while inside."""
    warn_of_unknown_variables()
    if settings.database_url is not None:
        yield settings
        return
    postgres = EmbeddedPostgres(settings.data_dir or default_data_dir())
    with postgres as url, guarded(postgres):
        yield settings.model_copy(update={"database_url": SecretStr(url)})


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
