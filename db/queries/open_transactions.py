"""Which open transaction the feed of all changes waits for.

Only a transaction that has changed something has an id, and holds the lock on it that this looks for: unlike
the statistics of sessions, locks may be seen by every role, those of prepared transactions too.
"""

from dataclasses import dataclass

from db.engine import Database

_OLDEST = """
    SELECT l.pid AS process_id, a.application_name AS application,
           coalesce(a.datname, p.database) AS database, a.state, p.gid AS prepared,
           extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared))::float8 AS age
    FROM (
        SELECT pid, transactionid FROM pg_locks
        WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted
          AND pid IS DISTINCT FROM pg_backend_pid()
        ORDER BY age(transactionid) DESC LIMIT 1
    ) l
    LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    LEFT JOIN pg_prepared_xacts p ON p.transaction = l.transactionid
"""


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction that has changed something and is still open, as far as the service's role may see it.

    `age` is in seconds; `prepared` is its name where it waits for the second phase of a commit, and belongs
    to no process then.
    """

    process_id: int | None
    application: str | None
    database: str | None
    state: str | None
    prepared: str | None
    age: float | None


async def oldest_writer(database: Database) -> OpenTransaction | None:
    """The oldest one of the whole server, None where there is none."""
    async with database.reading() as connection:
        row = await connection.fetchrow(_OLDEST)
    return None if row is None else OpenTransaction(**row)
