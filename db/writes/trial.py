"""While the database refuses writes: whether it takes them again."""

from sqlalchemy import text

from db.engine import Database
from db.errors import FlowkeepError, Unwritable

# About a megabyte, where the tables are; the transaction leaves nothing behind.
_TRIAL = (
    "SET LOCAL temp_tablespaces = ''",
    "CREATE TEMPORARY TABLE trial (filler text) ON COMMIT DROP",
    "INSERT INTO trial SELECT repeat('x', 1000) FROM generate_series(1, 1000)",
)


async def try_to_write(database: Database) -> None:
    """End the episode where a write that needs room passes; does nothing while there is none.

    Raises `Unavailable` where the trial can't be made: the database is away, or grants no temporary tables.
    """
    if database.writability.refusal is None:
        return
    try:
        async with database.writing() as session:
            for statement in _TRIAL:
                await session.execute(text(statement))
    except Unwritable:
        database.writability.untried = False
        return
    except FlowkeepError:
        database.writability.untried = True
        raise
    database.writability.restore()
