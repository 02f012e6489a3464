"""What policies would take now: counted where that is cheap, measured on a sample where it is not.

Executions are counted one by one, with the oldest and the newest end among them. The rows and bytes of each
table are counted for all of them up to 200, and beyond that for 200 chosen evenly by a hash of their keys,
and scaled up. Bytes are those of the rows as they are stored (`pg_column_size`, over 50 rows of each
execution and table), without indexes; rows of variables that pruning checkpoints would free are not foreseen.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from db.engine import Database
from db.partitions import TREE, partition
from db.queries.predicates import Parameters
from db.retention.partitions import may_drop, ranges_over
from db.retention.selection import Part, Policy, Selection, fetch_policies

SAMPLE = 200
_NEEDED = """
 AND x.seq IS DISTINCT FROM (SELECT s.checkpoint_seq FROM states s WHERE s.execution_id = x.execution_id)
 AND (x.execution_id, x.seq) NOT IN (SELECT f.forked_from_execution_id, f.forked_from_seq FROM executions f
                                     WHERE f.forked_from_execution_id = ANY($1::uuid[]))
"""


@dataclass(frozen=True, slots=True)
class TableShare:
    """What would go of a table."""

    table: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What would go: whole executions, the logs and checkpoints of others, and the rows by table.

    `partitions` are those of executions whose ranges would be dropped as a whole. `exact` tells whether the
    rows were counted rather than scaled up.
    """

    executions: int
    with_logs: int
    with_checkpoints: int
    oldest: datetime | None
    newest: datetime | None
    tables: tuple[TableShare, ...]
    partitions: tuple[str, ...]
    exact: bool


async def preview(database: Database, policy: UUID | Policy | None = None) -> Preview:
    """What all enabled policies would take together, or one that is there, or one that is not."""
    async with database.reading() as connection:
        if isinstance(policy, Policy):
            policies = [policy]
        else:
            policies = await fetch_policies(connection, policy)
        now = await connection.fetchval("SELECT statement_timestamp()")
        selection = await Selection.at(connection, policies, now)
        return await _look(connection, selection)


async def _look(connection: asyncpg.Connection, selection: Selection) -> Preview:
    whole = await _count(connection, selection, Part.EXECUTIONS)
    logs = await _count(connection, selection, Part.LOGS)
    checkpoints = await _count(connection, selection, Part.CHECKPOINTS)
    shares = {table: await _share(connection, table, whole) for table in TREE}
    for table, others, narrowed in (("log_entries", logs, ""), ("checkpoints", checkpoints, _NEEDED)):
        more, there = await _share(connection, table, others, narrowed), shares[table]
        shares[table] = TableShare(table, there.rows + more.rows, there.bytes + more.bytes)
    ranges = await ranges_over(connection, selection)
    dropped = [one for one in ranges if await may_drop(connection, selection, Part.EXECUTIONS, one)]
    return Preview(
        whole.number,
        logs.number,
        checkpoints.number,
        whole.oldest,
        whole.newest,
        tuple(share for share in shares.values() if share.rows),
        tuple(partition("executions", one) for one in dropped),
        max(whole.number, logs.number, checkpoints.number) <= SAMPLE,
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    number: int
    oldest: datetime | None
    newest: datetime | None
    sample: list[UUID]


async def _count(connection: asyncpg.Connection, selection: Selection, part: Part) -> _Counted:
    """The executions that would lose the part, without those that would go anyway."""
    end = selection.end(part)
    if end is None:
        return _Counted(0, None, None, [])
    parameters = Parameters()
    due = f"e.id < {parameters.add(end, 'uuid')} AND {selection.due(part, parameters, forks_go=True)}"
    if part is not Part.EXECUTIONS:
        due += f" AND ({selection.due(Part.EXECUTIONS, parameters, forks_go=True)}) IS NOT TRUE"
    row: Any = await connection.fetchrow(
        "SELECT count(*) AS number, min(e.completed_at) AS oldest, max(e.completed_at) AS newest "
        f"FROM executions e WHERE {due}",
        *parameters.values,
    )
    sample = await connection.fetch(
        f"SELECT e.id FROM executions e WHERE {due} ORDER BY uuid_hash(e.id), e.id LIMIT {SAMPLE}",
        *parameters.values,
    )
    return _Counted(row["number"], row["oldest"], row["newest"], [one["id"] for one in sample])


async def _share(
    connection: asyncpg.Connection, table: str, counted: _Counted, narrowed: str = ""
) -> TableShare:
    column = "id" if table == "executions" else "execution_id"
    mine = f"FROM {table} x WHERE x.{column} = k.id{narrowed}"
    row: Any = await connection.fetchrow(
        "SELECT coalesce(sum(n.rows), 0)::bigint AS rows, coalesce(sum(n.rows * n.size), 0)::bigint AS bytes "
        f"FROM (SELECT (SELECT count(*) {mine}) AS rows, "
        f"(SELECT avg(s.size) FROM (SELECT pg_column_size(x.*) AS size {mine} LIMIT 50) s) AS size "
        "FROM executions k WHERE k.id = ANY($1::uuid[])) n",
        counted.sample,
    )
    scale = counted.number / max(len(counted.sample), 1)
    return TableShare(table, round(row["rows"] * scale), round(row["bytes"] * scale))
