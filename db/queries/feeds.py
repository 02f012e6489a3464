"""What followers of an execution, or of all of them, have not seen yet.

Inside an execution the sequence numbers are dense and their order is the order of commits, so "after n"
misses nothing. Across executions nothing numbers the commits: events are ordered by the transaction that
wrote them, and read only below the oldest transaction that is still open, so that none can slip in behind
a reader.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import asyncpg

from db.enums import TERMINAL_EXECUTION, Ending, EventType, ExecutionStatus, quoted
from db.models import Execution
from db.queries.batch import EXECUTION, fetch_many
from db.queries.filters import ExecutionFilter
from db.queries.pages import Row
from db.queries.predicates import Filter, Parameters
from db.queries.sources import EVENTS, Source
from db.topology import is_distributed


class Heads(NamedTuple):
    """How far an execution's counters have come."""

    event_seq: int
    log_seq: int


class Commit(NamedTuple):
    """A place in the order of commits; with zeros, the place before all of the transaction's events."""

    xid: int
    execution_id: UUID = UUID(int=0)
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """Events in the order of commits, and the place up to which nothing is missing.

    `end` is after all that had been committed: behind the head where an older transaction is still open.
    """

    rows: list[Row]
    head: Commit
    end: Commit


async def fetch_heads(connection: asyncpg.Connection, executions: Sequence[UUID]) -> Mapping[UUID, Heads]:
    """The counters of the executions that are there, in one statement."""
    # Asked many times a second: in a subselect, for the plan to be kept (as in batch.py).
    rows = await connection.fetch(
        "SELECT id, event_seq, log_seq FROM executions WHERE id = ANY((SELECT $1::uuid[])::uuid[])",
        list(executions),
    )
    return {row["id"]: Heads(row["event_seq"], row["log_seq"]) for row in rows}


async def fetch_after(
    connection: asyncpg.Connection,
    source: Source,
    places: Sequence[tuple[UUID, int]],
    narrowed: Filter,
    limit: int,
) -> list[list[Row]]:
    """At most `limit` rows after each (execution, seq), in their order, in one statement."""
    parameters = Parameters()
    conditions = ["c.execution_id = p.execution_id", "c.seq > p.after", *narrowed.predicates(parameters)]
    select = (
        f"SELECT {source.columns} FROM {source.table} c WHERE {' AND '.join(conditions)} "
        f"ORDER BY c.seq LIMIT {int(limit)}"
    )
    return await fetch_many(connection, {**EXECUTION, "after": "bigint"}, places, select, parameters)


_HORIZON = """
SELECT pg_snapshot_xmin(now)::text::bigint AS horizon, pg_snapshot_xmax(now)::text::bigint AS xmax
FROM pg_current_snapshot() AS now
"""
# On many nodes events have the ids of the coordinator's transactions, through which all writes go. One that
# has committed there may not have yet on the others, and holds the lock on its id until it has.
_HORIZON_OF_NODES = f"""
SELECT least(s.horizon, (
    SELECT min(s.xmax - l.behind) FROM (
        SELECT (s.xmax - transactionid::text::bigint) & 4294967295 AS behind FROM pg_locks
        WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted
    ) l WHERE l.behind < 2147483648
)) AS horizon, s.xmax FROM ({_HORIZON}) s
"""


async def fetch_horizon(connection: asyncpg.Connection) -> Commit:
    """The place before which every commit can be seen."""
    horizon, _ = await _fetch_bounds(connection)
    return Commit(horizon)


async def _fetch_bounds(connection: asyncpg.Connection) -> tuple[int, int]:
    """The transactions below which every commit can be seen, and above which there was none yet."""
    statement = _HORIZON_OF_NODES if is_distributed(connection) else _HORIZON
    horizon, xmax = await connection.fetchrow(statement)
    return horizon, xmax


# What of an execution changes and can be narrowed by does so in one of these events, with its status.
_MOVES = quoted((EventType.STATUS_CHANGED, EventType.EXECUTION_RECOVERED, EventType.LEASE_ACQUIRED))
_ENDED = quoted(TERMINAL_EXECUTION)
_FAILED = quoted(status for status in ExecutionStatus if status.ending is Ending.BADLY)
# An execution as it was before such an event. What had ended before it was recovered had its end by then, and
# an error where it had gone wrong, which is what can still be said of it.
_WAS = "(v.changes -> 'status' ->> 'before')"
_BEFORE_COLUMNS = {
    "status": f"{_WAS}",
    "started_at": f"CASE WHEN {_WAS} <> 'PENDING' THEN now.started_at END",
    "completed_at": f"CASE WHEN {_WAS} IN {_ENDED} THEN coalesce(now.completed_at, v.at) END",
    "error": f"CASE WHEN {_WAS} IN {_FAILED} THEN coalesce(now.error, '{{}}') END",
}
_BEFORE = f"""
    FROM (SELECT {
    ", ".join(
        f"{_BEFORE_COLUMNS.get(column.name, f'now.{column.name}')} AS {column.name}"
        for column in Execution.__table__.columns
    )
} FROM executions now WHERE now.id = v.execution_id AND {_WAS} IS NOT NULL) c
"""


# A deletion as the event that comes last.
_AS_EVENT = {
    "type": f"'{EventType.EXECUTION_DELETED}'",
    "changes": "json_build_object('status', json_build_object('before', c.status))",
}
_DELETION = ", ".join(f"{_AS_EVENT.get(name, f'c.{name}')} AS {name}" for name in EVENTS.selected)


async def fetch_changes(
    connection: asyncpg.Connection, after: Commit, narrowed: ExecutionFilter, limit: int
) -> Changes:
    """At most `limit` events after a place, of executions that `narrowed` takes as they are now, and those by
    which an execution ceased to be so, deletions among them; `matches` tells them apart."""
    if is_distributed(connection):
        return await _fetch_changes_of_nodes(connection, after, narrowed, limit)
    parameters = Parameters()
    changes = _changes(after, narrowed, limit, "h.xmin", parameters)
    rows = await connection.fetch(
        "WITH s AS MATERIALIZED (SELECT pg_current_snapshot() AS now), h AS MATERIALIZED "
        "(SELECT pg_snapshot_xmin(now) AS xmin, pg_snapshot_xmax(now)::text::bigint AS xmax FROM s) "
        f"SELECT h.xmin::text::bigint AS horizon, h.xmax, v.* FROM h LEFT JOIN LATERAL ({changes}) v ON true",
        *parameters.values,
    )
    found = [row for row in rows if row["xid"] is not None]
    return _told(found, after, rows[0]["horizon"], rows[0]["xmax"], limit)


async def _fetch_changes_of_nodes(
    connection: asyncpg.Connection, after: Commit, narrowed: ExecutionFilter, limit: int
) -> Changes:
    """The same on many nodes: the nodes are asked once it is known up to where all of them have committed."""
    horizon, xmax = await _fetch_bounds(connection)
    parameters = Parameters()
    below = f"{parameters.add(str(horizon), 'text')}::xid8"
    changes = _changes(after, narrowed, limit, below, parameters)
    return _told(await connection.fetch(changes, *parameters.values), after, horizon, xmax, limit)


def _told(found: list[Row], after: Commit, horizon: int, xmax: int, limit: int) -> Changes:
    head = commit_of(found[-1]) if len(found) == limit else max(after, Commit(horizon))
    return Changes(found, head, Commit(xmax))


def _changes(after: Commit, narrowed: ExecutionFilter, limit: int, below: str, parameters: Parameters) -> str:
    """SQL: what of transactions `below` is to be told."""
    xid = parameters.add(str(after.xid), "text")
    place = (
        f"({xid}::xid8, {parameters.add(after.execution_id, 'uuid')}, {parameters.add(after.seq, 'bigint')})"
    )
    matches, taken = _taken(narrowed, parameters)
    gone = " AND ".join(("true", *narrowed.predicates_when_gone(parameters)))
    columns = EVENTS.columns.replace("c.", "v.")
    return (
        f"SELECT * FROM ((SELECT v.xid::text::bigint AS xid, {matches} AS matches, {columns} FROM events v "
        f"WHERE (v.xid, v.execution_id, v.seq) > {place} AND v.xid < {below} AND {taken} "
        f"ORDER BY v.xid, v.execution_id, v.seq LIMIT {int(limit)}) UNION ALL "
        f"(SELECT c.xid::text::bigint, false, {_DELETION} FROM deleted_executions c "
        f"WHERE (c.xid, c.execution_id, c.seq) > {place} AND c.xid < {below} AND {gone} "
        f"ORDER BY c.xid, c.execution_id LIMIT {int(limit)})) u "
        f"ORDER BY u.xid, u.execution_id, u.seq LIMIT {int(limit)}"
    )


def _taken(narrowed: Filter, parameters: Parameters) -> tuple[str, str]:
    """Whether the execution of the event `v` matches now, and whether the event is to be told, in SQL."""
    conditions = " AND ".join(narrowed.predicates(parameters))
    if not conditions:
        return "true", "true"
    now = f"EXISTS (SELECT FROM executions c WHERE c.id = v.execution_id AND {conditions})"
    left = f"v.type IN {_MOVES} AND EXISTS (SELECT {_BEFORE} WHERE {conditions})"
    return now, f"({now} OR {left})"


def commit_of(row: Row) -> Commit:
    """Where an event of `fetch_changes` stands in the order of commits."""
    return Commit(row["xid"], row["execution_id"], row["seq"])
