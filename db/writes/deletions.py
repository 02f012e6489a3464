"""Notes of what was deleted, made by the very transactions that delete, for those who follow changes."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

# The deletion's number comes after those of the execution's events.
_NOTE = """
INSERT INTO deleted_executions (xid, execution_id, seq, workflow_id, workflow_name, status, actor)
SELECT $2::text::xid8, e.id, e.event_seq + 1, e.workflow_id, w.name, e.status, $1
FROM {executions} e JOIN workflows w ON w.id = e.workflow_id
"""
# Asked for by itself: beside executions of other nodes it would be theirs.
_XID = "SELECT pg_current_xact_id()::text"


async def note_deletions(connection: asyncpg.Connection, actor: str, keys: Sequence[UUID]) -> None:
    """Within a transaction that has these executions locked and will delete them: note it."""
    statement = f"{_NOTE.format(executions='executions')} WHERE e.id = ANY($3::uuid[])"
    await connection.execute(statement, actor, await connection.fetchval(_XID), list(keys))


async def note_dropped(connection: asyncpg.Connection, actor: str, partition: str) -> None:
    """The same for all that are in a partition, which nobody else can change any more."""
    await connection.execute(_NOTE.format(executions=partition), actor, await connection.fetchval(_XID))
