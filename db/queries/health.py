"""How the database does."""

from dataclasses import dataclass
from time import perf_counter

from db.engine import Database
from db.migrate import current, head
from db.partitions import list_ranges


@dataclass(frozen=True, slots=True)
class DatabaseHealth:
    """The answer of one look at the database; latency in milliseconds for one round trip."""

    version: str
    latency: float
    revision: str | None
    expected_revision: str
    partitions: int


async def look(database: Database) -> DatabaseHealth:
    """Ask the database how it does; raises `Unavailable` where it does not answer."""
    version = await database.check_server()
    async with database.reading() as connection:
        started = perf_counter()
        await connection.fetchval("SELECT 1")
        latency = (perf_counter() - started) * 1000
        partitions = len(await list_ranges(connection))
    return DatabaseHealth(version, latency, await current(database), head(), partitions)
