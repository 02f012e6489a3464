"""Bringing a database to the schema of this release, and telling whether it is there."""

from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

import migrations
from db.engine import Database
from db.errors import NotReady
from db.topology import HAS_CITUS, IS_SPREAD

# Held by whoever changes the schema: "flowkeep" in ASCII.
LOCK = 0x666C6F776B656570
MOST_COUNTED = 100_000
# Revisions before this one have keys from one execution to another.
_FIRST_OF_NODES = "0010"
_COUNT = f"SELECT count(*) FROM (SELECT 1 FROM {{}} LIMIT {MOST_COUNTED + 1}) counted"
_TABLES = """
SELECT c.relname, array_agg(a.attname::text) AS names
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname <> 'alembic_version'
GROUP BY c.relname
"""


class Loss(NamedTuple):
    """A table, or a column of it, that would be dropped; `rows` ends at `MOST_COUNTED` and one."""

    table: str
    column: str | None
    rows: int = 0

    def __str__(self) -> str:
        what = self.table if self.column is None else f"{self.table}.{self.column}"
        if self.rows > MOST_COUNTED:
            return f"{what} (more than {MOST_COUNTED:,} rows)"
        return f"{what} ({self.rows:,} {'row' if self.rows == 1 else 'rows'})"


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
    """Bring the database to `revision` (`base` is none), forward or back, in one transaction.

    Safe to run many times at once: all but one wait, then find nothing left to do. Raises `NotReady` for a
    revision that there is none of, and for a database that a newer release has migrated.
    """
    async with database.migrating() as connection, connection.begin():
        await connection.run_sync(_move, revision)


async def lost_by(database: Database, revision: str) -> list[Loss]:
    """What rows hold that migrating to `revision` would drop; nothing where it goes forward.

    Found by doing it and rolling it back, so that no migration has to say it. Raises as `migrate` does.
    """
    async with database.migrating() as connection, connection.begin() as rehearsal:
        before = await _columns(connection)
        await connection.run_sync(_move, revision)
        after = await _columns(connection)
        await rehearsal.rollback()
    lost = [Loss(table, None) for table in before if table not in after]
    for table in before.keys() & after.keys():
        lost += [Loss(table, column) for column in before[table] if column not in after[table]]
    async with database.maintaining() as driver:
        counted = [loss._replace(rows=await driver.fetchval(_COUNT.format(loss.table))) for loss in lost]
    return sorted((loss for loss in counted if loss.rows), key=str)


def _move(connection: Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    known = [step.revision for step in script.walk_revisions()]  # from the newest
    wanted = known[0] if revision == "head" else revision
    if wanted not in (*known, "base"):
        raise NotReady(f"There is no revision {revision}; there are base, {', '.join(reversed(known))}.")
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in known:
        raise NotReady(_newer(found))
    if found is not None and wanted in _before_nodes(known) and _is_spread(connection):
        raise NotReady(
            f"The database is spread over nodes, where there can be none of the keys that revision {wanted} "
            "has: it does not go back."
        )
    back = found is not None and (wanted == "base" or known.index(wanted) > known.index(found))
    (command.downgrade if back else command.upgrade)(config, wanted)


def _is_spread(connection: Connection) -> bool:
    """Whether executions are spread over nodes."""
    return bool(connection.scalar(text(HAS_CITUS))) and bool(connection.scalar(text(IS_SPREAD)))


def _before_nodes(known: list[str]) -> list[str]:
    """The revisions that a database which is spread over nodes can't have."""
    return ["base", *known[known.index(_FIRST_OF_NODES) + 1 :]]


async def _columns(connection: AsyncConnection) -> dict[str, list[str]]:
    """The columns of each table; partitions are their parents'."""
    return {row.relname: row.names for row in await connection.execute(text(_TABLES))}


async def require_head(database: Database) -> None:
    """Raise `NotReady`, saying what to run, unless the database is at this release's revision."""
    needed, found = head(), await current(database)
    if found == needed:
        return
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is None or found in known:
        state = "has no schema yet" if found is None else f"is at revision {found}"
        raise NotReady(f"The database {state}, and this release needs {needed}: run `flowkeep migrate`.")
    raise NotReady(_newer(found))


def _newer(found: str) -> str:
    return (
        f"The database is at revision {found}, which this release (at {head()}) does not know: "
        "it was migrated by a newer Flowkeep. Install that release here."
    )
