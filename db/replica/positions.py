"""Where the primary's log ends, for whoever has just written: who reads from there on sees their write."""

import asyncio

from db.engine import Database
from db.errors import FlowkeepError
from db.replica.lsn import format_lsn

# What is inserted, for with `synchronous_commit` off a commit need not be flushed. Where a record has just
# filled a page, the position that is given is after the header of the next, which a standby comes to with the
# next record only: nothing of ours is between.
_END = """
SELECT CASE WHEN at % pg_size_bytes(current_setting('wal_segment_size')) = 40 THEN at - 40
            WHEN at % current_setting('wal_block_size')::int = 24 THEN at - 24
            ELSE at END
FROM (SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint AS at) AS inserted
"""

# An answer to what was written is not to wait for longer: it then has no position.
SECONDS = 1.0


class Positions:
    """Asks the primary, once for all who ask at the same time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[str | None] | None = None

    async def now(self) -> str | None:
        """A position at or after all that has committed; None where the primary can't tell for now."""
        if self._next is None:
            self._next = asyncio.create_task(self._ask())
        return await asyncio.shield(self._next)

    async def _ask(self) -> str | None:
        async with self._turn:
            # Who comes from here on may have committed after the answer was made.
            self._next = None
            try:
                # Over the connection that is kept for the service's own questions: no read and no write of
                # others keeps who has written from their answer.
                async with asyncio.timeout(SECONDS), self._database.reading() as connection:
                    return format_lsn(await connection.fetchval(_END))
            except (FlowkeepError, TimeoutError):
                return None
