"""How the database does."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter

from db.engine import Database
from db.enums import ReplicationRole
from db.errors import NotReady
from db.migrate import current, head, require_head
from db.partitions import TREE, Range, list_ranges

BIG_TABLES = (*TREE, "workflows", "audit_entries", "idempotency_keys", "deleted_executions")
# Longer than the service takes to look after the partitions again.
_COVERED = timedelta(hours=1)

_ACTIVITY = """
    SELECT pg_is_in_recovery() AS is_replica,
           (SELECT extract(epoch FROM clock_timestamp() - min(xact_start))::float8
            FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
              AND backend_type = 'client backend') AS oldest_transaction
"""
_TABLES = """
    SELECT coalesce(parent.relname, part.relname)::text AS name,
           sum(pg_total_relation_size(part.oid))::bigint AS bytes,
           sum(coalesce(n_live_tup, 0))::bigint AS live_rows,
           sum(coalesce(n_dead_tup, 0))::bigint AS dead_rows
    FROM pg_class AS part
    LEFT JOIN pg_inherits ON inhrelid = part.oid
    LEFT JOIN pg_class AS parent ON parent.oid = inhparent
    LEFT JOIN pg_stat_all_tables AS stat ON stat.relid = part.oid
    WHERE part.relkind = 'r' AND part.relnamespace = current_schema()::regnamespace
      AND coalesce(parent.relname, part.relname) = ANY ($1)
    GROUP BY 1
    ORDER BY bytes DESC, name
"""


@dataclass(frozen=True, slots=True)
class DatabaseHealth:
    """The answer of one look at the database.

    `latency` is in milliseconds for one round trip; `oldest_transaction` is the age of the oldest one that
    is open, in seconds.
    """

    version: str
    latency: float
    revision: str | None
    expected_revision: str
    partitions: int
    partitions_ahead: int
    role: ReplicationRole
    oldest_transaction: float | None


@dataclass(frozen=True, slots=True)
class TableHealth:
    """How large a table is, all its partitions and indexes together; rows are PostgreSQL's estimates."""

    name: str
    bytes: int
    live_rows: int
    dead_rows: int


async def look(database: Database) -> DatabaseHealth:
    """Ask the database how it does; raises `Unavailable` where it does not answer."""
    version = await database.check_server()
    async with database.reading() as connection:
        started = perf_counter()
        await connection.fetchval("SELECT 1")
        latency = (perf_counter() - started) * 1000
        activity = await connection.fetchrow(_ACTIVITY)
        ranges = await list_ranges(connection)
    now = datetime.now(UTC)
    return DatabaseHealth(
        version=version,
        latency=latency,
        revision=await current(database),
        expected_revision=head(),
        partitions=len(ranges),
        partitions_ahead=sum(part.start > now for part in ranges),
        role=ReplicationRole.REPLICA if activity["is_replica"] else ReplicationRole.PRIMARY,
        oldest_transaction=activity["oldest_transaction"],
    )


async def measure_tables(database: Database) -> list[TableHealth]:
    """The big tables, the largest first."""
    async with database.reading() as connection:
        return [TableHealth(*row) for row in await connection.fetch(_TABLES, list(BIG_TABLES))]


async def unready(database: Database) -> list[str]:
    """Why the database can't be worked with; empty where it can. Raises `Unavailable`."""
    reasons = []
    try:
        await require_head(database)
    except NotReady as error:
        return [error.message]
    async with database.reading() as connection:
        if await connection.fetchval("SELECT pg_is_in_recovery()"):
            reasons.append("The database is a replica, which takes no writes.")
        ranges = await list_ranges(connection)
    if not _covers(ranges, datetime.now(UTC)):
        reasons.append("There is no partition for new executions: run `flowkeep migrate`.")
    return reasons


def _covers(ranges: list[Range], now: datetime) -> bool:
    return all(any(part.covers(at) for part in ranges) for at in (now, now + _COVERED))
