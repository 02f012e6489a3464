"""`flowkeep migrate`."""

from typing import Annotated

import typer

from db import migrate as migrations
from db.engine import Database
from db.partitions import cover_ahead
from graph.commands.common import DataDir, run, with_database
from graph.commands.environment import load_settings
from graph.commands.terminal import say
from graph.settings import Settings


async def bring_up(database: Database, settings: Settings) -> str:
    """Migrate to this release's revision and make the partitions that come next; returns the revision."""
    await database.check_server()
    await migrations.migrate(database)
    await cover_ahead(database, settings.partition_span, settings.partitions_ahead)
    return migrations.head()


def migrate(
    to: Annotated[
        str,
        typer.Option(help="Revision to go to; an older one or `base` goes back, and drops what came since."),
    ] = "head",
    data_dir: DataDir = None,
) -> None:
    """Bring the database's schema to this release.

    Safe to run many times at once: one migrates, the others wait and find nothing left to do.
    """

    async def work(database: Database) -> str:
        if to == "head":
            return await bring_up(database, settings)
        await database.check_server()
        await migrations.migrate(database, to)
        return await migrations.current(database) or "base"

    with with_database(load_settings(data_dir=data_dir)) as settings:
        say(f"The database is at revision {run(settings, work)}.")
