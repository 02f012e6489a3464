"""Bringing a database to the schema of this release, and telling whether it is there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection

import migrations
from db.engine import Database
from db.errors import NotReady


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return config


def head() -> str:
    """The revision that this release needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise NotReady("This installation has no migrations; install Flowkeep again.")
    return revision


async def current(database: Database) -> str | None:
    """The revision that the database is at; None where it has no schema of ours."""
    async with database.reading() as connection:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return None
        revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return revision


async def migrate(database: Database, revision: str = "head") -> None:
    """Bring the database up (or down, to an older `revision`, or `base`) in one transaction.

    Safe to run many times at once: all but one wait, then find nothing left to do. Raises `NotReady` for a
    revision that there is none of.
    """
    config = _config()

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        older = revision == "base" or (revision != "head" and revision < head())
        try:
            (command.downgrade if older else command.upgrade)(config, revision)
        except CommandError as error:
            raise NotReady(f"Can't migrate to {revision}: {error}.") from error

    async with database.migrating() as connection:
        await connection.run_sync(run)


async def require_head(database: Database) -> None:
    """Raise `NotReady`, saying what to run, unless the database is at this release's revision."""
    needed, found = head(), await current(database)
    if found == needed:
        return
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is None or found in known:
        state = "has no schema yet" if found is None else f"is at revision {found}"
        raise NotReady(f"The database {state}, and this release needs {needed}: run `flowkeep migrate`.")
    raise NotReady(
        f"The database is at revision {found}, which this release (at {needed}) does not know: "
        "it was migrated by a newer Flowkeep. Install that release here."
    )
