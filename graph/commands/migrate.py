"""`flowkeep migrate`."""

from typing import Annotated

import typer

from db import migrate as migrations
from db.engine import Database
from db.partitions import cover_ahead
from graph.commands.common import DataDir, run, with_database
from graph.commands.environment import load_settings, require_consent
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
    yes: Annotated[bool, typer.Option("--yes", help="Drop rows unasked, if that is what it takes.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Bring the database's schema to this release.

    Safe to run many times at once: one migrates, the others wait and find nothing left to do. Going back to
    an older revision says which rows it would drop, and asks.
    """

    async def work(database: Database) -> str:
        if to == "head":
            return await bring_up(database, settings)
        await migrations.migrate(database, to)
        return await migrations.current(database) or "base"

    with with_database(load_settings(data_dir=data_dir)) as settings:
        if to != "head" and (lost := run(settings, lambda database: _lost(database, to))):
            say(f"Going back to {to} drops {', '.join(map(str, lost))}.", err=True)
            require_consent("Drop them?", yes)
        say(f"The database is at revision {run(settings, work)}.")


async def _lost(database: Database, to: str) -> list[migrations.Loss]:
    await database.check_server()
    return await migrations.lost_by(database, to)
