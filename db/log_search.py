"""The trigram index that finds text in logs, on partitions whose time is over.

It is made where the database has pg_trgm and btree_gin; whether it has is its administrator's decision. A
partition that engines write to gets none, for that would make appending logs several times slower; in it an
execution's log is searched row by row. Once a partition's time is over hardly anything is written to it.
DROP EXTENSION pg_trgm CASCADE takes all of these indexes along.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import asyncpg

from db.engine import Database
from db.extensions import Extension, presence
from db.partitions import list_ranges, partition

# Executions that began at the end of a partition's time go on for a while.
_GRACE = timedelta(days=1)
_MADE = """
SELECT c.relname::text AS name, i.indisvalid AS valid,
       EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid) AS under_way
FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY ($1)
"""


class LogSearch(NamedTuple):
    """How many partitions' time is over, and how many of those are indexed; or why none will be."""

    past: int
    indexed: int
    missing: str | None


class _Index(NamedTuple):
    """An index of a past partition; `valid` is None where it is not there."""

    name: str
    table: str
    valid: bool | None
    under_way: bool


async def log_search(database: Database) -> LogSearch:
    """How far logs are indexed."""
    async with database.reading() as connection:
        indexes = await _indexes(connection)
        missing = [await _missing(connection, needed) for needed in (Extension.TRIGRAMS, Extension.KEYS)]
    why_not = " ".join(filter(None, missing))
    return LogSearch(len(indexes), sum(index.valid is True for index in indexes), why_not or None)


async def index_past_logs(database: Database) -> int:
    """Make what indexes are missing, one after the other beside reads and writes; returns how many.

    What a process that was killed left half made is made anew; what another one is at is left to it.
    """
    async with database.reading() as connection:
        schema, _ = await presence(connection, Extension.TRIGRAMS)
        if schema is None or await _missing(connection, Extension.KEYS) is not None:
            return 0
        wanted = [index for index in await _indexes(connection) if not (index.valid or index.under_way)]
    for index in wanted:
        async with database.aside() as connection:
            if index.valid is not None:
                await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
            await connection.execute(
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {index.name} ON {index.table} "
                f"USING gin (execution_id, message {schema}.gin_trgm_ops)"
            )
    return len(wanted)


async def _missing(connection: asyncpg.Connection, extension: Extension) -> str | None:
    return (await presence(connection, extension)).missing


async def _indexes(connection: asyncpg.Connection) -> list[_Index]:
    """Those that past partitions have, or should have, the oldest partition first."""
    over = datetime.now(UTC) - _GRACE
    ranges = await list_ranges(connection)
    tables = {
        f"{table}_text": table
        for part in ranges
        if part.end <= over
        for table in [partition("log_entries", part)]
    }
    made = {row["name"]: row for row in await connection.fetch(_MADE, list(tables))}
    return [
        _Index(name, table, made[name]["valid"], made[name]["under_way"])
        if name in made
        else _Index(name, table, None, False)
        for name, table in tables.items()
    ]
