"""The end of a parent that ends its children, and theirs."""

from uuid import UUID

import asyncpg

from db.enums import ExecutionStatus
from db.topology import is_distributed
from db.writes.links import wait_for_makers

# Parents are locked before their children, and siblings in one order: two that cancel don't deadlock. Who
# has ended stays as it is, and so do the children that it left behind.
_CANCEL = """
WITH children AS (
    SELECT id, parent_id, status, lease_holder FROM executions
    WHERE {these} AND completed_at IS NULL
    ORDER BY id FOR NO KEY UPDATE
), cancelled AS (
    UPDATE executions e
    SET status = 'CANCELLED', completed_at = greatest(statement_timestamp(), e.started_at),
        lease_holder = NULL, lease_expires_at = NULL, event_seq = e.event_seq + 1
    FROM children c WHERE e.id = c.id{alone}
    RETURNING e.id, e.event_seq, c.parent_id, c.status AS was, c.lease_holder AS held
), noted AS (
    INSERT INTO events (execution_id, seq, type, actor, changes)
    SELECT id, event_seq, 'STATUS_CHANGED', $2, CAST(
        jsonb_build_object(
            'status', jsonb_build_object('before', was, 'after', 'CANCELLED'),
            'parentClosed', jsonb_build_object(
                'execution', 'exec_' || replace(CAST(parent_id AS text), '-', ''),
                'status', CASE WHEN parent_id = $3 THEN $4::text ELSE 'CANCELLED' END))
        || CASE WHEN held IS NULL THEN '{{}}'
                ELSE jsonb_build_object('leaseHolder', jsonb_build_object('before', held, 'after', NULL)) END
        AS json)
    FROM cancelled
)
SELECT id FROM cancelled
"""
_CANCEL_CHILDREN = _CANCEL.format(these="parent_id = ANY($1::uuid[])", alone="")
# On many nodes children are found, and then locked and cancelled one by one, each where it is.
_CHILDREN = "SELECT id FROM executions WHERE parent_id = ANY($1::uuid[]) AND completed_at IS NULL ORDER BY id"
_CANCEL_CHILD = _CANCEL.format(these="id = $1::uuid", alone=" AND e.id = $1::uuid")


async def cancel_descendants(
    driver: asyncpg.Connection, execution: UUID, actor: str, status: ExecutionStatus
) -> None:
    """Within a transaction that ends an execution as `status`: cancel its children and theirs."""
    parents = [execution]
    while parents:
        if is_distributed(driver):
            await wait_for_makers(driver)
            found = [row["id"] for row in await driver.fetch(_CHILDREN, parents)]
            each = [await driver.fetch(_CANCEL_CHILD, key, actor, execution, status) for key in found]
            rows = [row for cancelled in each for row in cancelled]
        else:
            rows = await driver.fetch(_CANCEL_CHILDREN, parents, actor, execution, status)
        parents = [row["id"] for row in rows]
