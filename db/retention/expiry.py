"""What is forgotten by its age alone: idempotency keys, and notes of deletions."""

from datetime import timedelta

from db.engine import Database

KEYS_A_BATCH = 5_000
_CUTOFF = "SELECT statement_timestamp() - $1::interval"
_EXPIRE_KEYS = """
DELETE FROM idempotency_keys WHERE key IN (
    SELECT key FROM idempotency_keys WHERE created_at < $1::timestamptz
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""
_EXPIRE_DELETIONS = """
DELETE FROM deleted_executions WHERE at < $1::timestamptz AND execution_id IN (
    SELECT execution_id FROM deleted_executions WHERE at < $1::timestamptz
    ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""


async def expire_keys(database: Database, older_than: timedelta) -> int:
    """Forget idempotency keys beyond an age, batch by batch; returns how many."""
    return await _expire(database, _EXPIRE_KEYS, older_than)


async def expire_deletions(database: Database, older_than: timedelta) -> int:
    """Forget deletions beyond an age in the same way: who follows changes is told of later ones only."""
    return await _expire(database, _EXPIRE_DELETIONS, older_than)


async def _expire(database: Database, statement: str, older_than: timedelta) -> int:
    expired = 0
    while True:
        async with database.maintaining() as connection:
            cutoff = await connection.fetchval(_CUTOFF, older_than)
            gone = affected(await connection.execute(statement, cutoff, KEYS_A_BATCH))
        expired += gone
        if gone < KEYS_A_BATCH:
            return expired


def affected(tag: str) -> int:
    """How many rows a statement changed, by its command tag."""
    return int(tag.split()[-1])
