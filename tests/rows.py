"""What is in the database, in tests: all of it, so that "nothing changed" means nothing at all."""

from typing import Any
from uuid import UUID

import orjson

from db.engine import Database
from db.models import Base

TABLES = sorted(Base.metadata.tables)
_EVERYTHING = " UNION ALL ".join(f"SELECT '{name}', to_jsonb(t)::text FROM {name} t" for name in TABLES)


async def everything(database: Database) -> list[tuple[str, str]]:
    """Every row of every table, as JSON text, in one order."""
    async with database.reading() as connection:
        return sorted((row[0], row[1]) for row in await connection.fetch(_EVERYTHING))


async def counts(database: Database) -> dict[str, int]:
    """How many rows each table has."""
    tables = [name for name, _ in await everything(database)]
    return {name: tables.count(name) for name in TABLES}


async def rows(database: Database, table: str, **where: Any) -> list[dict[str, Any]]:
    """The rows of a table whose columns have these values, by their numbers."""
    found = [orjson.loads(text) for name, text in await everything(database) if name == table]
    wanted = {name: str(value) if isinstance(value, UUID) else value for name, value in where.items()}
    chosen = [row for row in found if all(row[name] == value for name, value in wanted.items())]
    return sorted(chosen, key=lambda row: (row.get("seq", 0), row.get("version", 0), str(row)))
