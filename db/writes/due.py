"""What is due to be claimed, and the statements that claim it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from db.topology import is_distributed
from db.writes.priorities import RANKS


class Lease(NamedTuple):
    """Who claims, for how long, and on whose behalf."""

    holder: str
    ttl: timedelta
    actor: str


# What is due, as kinds that come one after another: the highest priority first, and of one priority orphans
# before what waits. Each is a walk along an index that ends with the last row taken; that along the RUNNING
# passes all whose lease lasts: an index on the expiry would be written by every heartbeat.
_KINDS = [
    (rank, status) for rank in sorted(RANKS.values(), reverse=True) for status in ("RUNNING", "PENDING")
]
# Rows that another claimer has locked are skipped, so claimers never wait for each other or share one.
_DUE = """
due{at} AS (
    SELECT {at} AS place, e.id, e.status, e.lease_holder FROM executions e
    WHERE e.status = '{status}' AND e.priority = {rank} AND (e.status = 'PENDING' OR e.lease_epoch > 0)
      AND ($5::boolean OR e.workflow_id IN (SELECT id FROM workflows WHERE name = ANY($6::text[])))
      AND (e.lease_expires_at IS NULL OR e.lease_expires_at <= clock_timestamp())
    ORDER BY e.id LIMIT {most} FOR NO KEY UPDATE SKIP LOCKED
)"""


def _due(at: int, rank: int, status: str) -> str:
    taken = " - ".join(f"(SELECT count(*) FROM due{before})" for before in range(at)) or "0"
    most = f"greatest(0, $7::bigint - {taken})"
    if status == "RUNNING":
        most = f"CASE WHEN $4::boolean THEN {most} ELSE 0 END"
    return _DUE.format(at=at, rank=rank, status=status, most=most)


# What is `due` is claimed for $1, for as long as $2 says, by $3.
_CLAIM_DUE = """claimed AS (
    UPDATE executions e
    SET status = 'RUNNING', lease_holder = $1::text, lease_epoch = e.lease_epoch + 1,
        lease_expires_at = {expires}, heartbeat_at = {now},
        started_at = coalesce(e.started_at, greatest({now}, e.created_at)),
        event_seq = e.event_seq + 1
    FROM {due} due
    WHERE e.id = due.id{alone}
    RETURNING e.id, due.place, e.event_seq, e.lease_epoch, due.status AS was, due.lease_holder AS held
), noted AS (
    INSERT INTO events (execution_id, seq, type, actor, changes)
    SELECT id, event_seq, 'LEASE_ACQUIRED', $3::text,
           json_build_object(
               'status', json_build_object('before', was, 'after', 'RUNNING'),
               'leaseHolder', json_build_object('before', held, 'after', $1::text),
               'leaseEpoch', json_build_object('before', lease_epoch - 1, 'after', lease_epoch))
    FROM claimed
)
SELECT id, lease_epoch FROM claimed ORDER BY place, id
"""
_NOW = "clock_timestamp()"
_ALL_DUE = " UNION ALL ".join(f"SELECT * FROM due{at}" for at in range(len(_KINDS)))
CLAIM = f"""
WITH {",".join(_due(at, *kind) for at, kind in enumerate(_KINDS))},
{_CLAIM_DUE.format(due=f"({_ALL_DUE})", alone="", now=_NOW, expires=f"{_NOW} + $2::interval")}
"""

# On many nodes, none of which locks rows of the others: candidates of a kind are read, and then claimed one
# by one where they are, if they are still due and nobody else has them.
_IS_DUE = """
e.status = '{status}' AND e.priority = {rank} AND (e.status = 'PENDING' OR e.lease_epoch > 0)
AND (e.lease_expires_at IS NULL OR e.lease_expires_at <= statement_timestamp())
"""
_CANDIDATES = """
SELECT e.id FROM executions e
WHERE {is_due} AND ($1::boolean OR e.workflow_id IN (SELECT id FROM workflows WHERE name = ANY($2::text[])))
  AND e.id > $3 ORDER BY e.id LIMIT $4
"""
_CLAIM_ONE = """
WITH due AS (
    SELECT 0 AS place, e.id, e.status, e.lease_holder FROM executions e
    WHERE e.id = $4::uuid AND {is_due} FOR NO KEY UPDATE SKIP LOCKED
), {claim}
"""
# Of the coordinator's clock, for all nodes.
_TIMES = "SELECT statement_timestamp(), statement_timestamp() + $1::interval"
_ALONE = " AND e.id = $4::uuid"
_SPARE = 10


async def claim_due(
    driver: asyncpg.Connection, lease: Lease, names: Sequence[str] | None, limit: int, *, orphans: bool
) -> list[asyncpg.Record]:
    """Claim up to `limit` of what is due, kind after kind, with `orphans` or without; returns each `id` with
    its `lease_epoch`. `names` restricts it to workflows with these names."""
    if is_distributed(driver):
        return await _claim_of_nodes(driver, lease, names, limit, orphans=orphans)
    rows: list[asyncpg.Record] = await driver.fetch(
        CLAIM, *lease, orphans, names is None, list(names or ()), limit
    )
    return rows


async def _claim_of_nodes(
    driver: asyncpg.Connection, lease: Lease, names: Sequence[str] | None, limit: int, *, orphans: bool
) -> list[asyncpg.Record]:
    """The same, with the next candidate where somebody else was quicker."""
    claimed: list[asyncpg.Record] = []
    holder, ttl, actor = lease
    now, expires = await driver.fetchrow(_TIMES, ttl)
    for rank, status in _KINDS:
        if status == "RUNNING" and not orphans:
            continue
        is_due, after = _IS_DUE.format(status=status, rank=rank), UUID(int=0)
        one = _CLAIM_ONE.format(
            is_due=is_due,
            claim=_CLAIM_DUE.format(
                due="due", alone=_ALONE, now="$5::timestamptz", expires="$2::timestamptz"
            ),
        )
        more = True
        while more and len(claimed) < limit:
            asked = limit - len(claimed) + _SPARE
            found = await driver.fetch(
                _CANDIDATES.format(is_due=is_due), names is None, list(names or ()), after, asked
            )
            more = len(found) == asked
            for candidate in found:
                after = candidate["id"]
                if len(claimed) < limit:
                    claimed += await driver.fetch(one, holder, expires, actor, after, now)
    return claimed
