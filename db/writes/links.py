"""Where executions come from: what lets them forget it when that goes.

No foreign key leads from one execution to another, which may be on another node of a distributed database.
Whoever makes such a link holds the row of the execution to which it leads, in share at least, so that it is
there; whoever deletes executions holds them too, and then calls one of these.

On many nodes that row is free again as soon as its own node has committed, while the link may be on another
that has not yet. So who makes one holds a lock of the coordinator besides, which ends when all have
committed, and who looks for links waits for those who hold it.
"""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from db.ids import uuid7_floor
from db.partitions import Range
from db.topology import is_distributed

_MAKING = 0x6C696E6B73000000
_FORGET = (
    "UPDATE executions SET parent_id = NULL WHERE {parents}",
    "UPDATE executions SET forked_from_execution_id = NULL, forked_from_seq = NULL WHERE {bases}",
)
# What goes itself need not forget anything.
_AMONG = "{column} = ANY($1::uuid[]) AND id <> ALL($1::uuid[])"
_BETWEEN = "{column} >= $1 AND {column} < $2"


def _statements(condition: str) -> list[str]:
    parents, bases = (condition.format(column=name) for name in ("parent_id", "forked_from_execution_id"))
    return [statement.format(parents=parents, bases=bases) for statement in _FORGET]


_FORGET_AMONG, _FORGET_BETWEEN = _statements(_AMONG), _statements(_BETWEEN)


async def note_making(connection: asyncpg.Connection) -> None:
    """Within a transaction that has locked what a link is to lead to: let others wait for the link."""
    if is_distributed(connection):
        await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", _MAKING)


async def wait_for_makers(connection: asyncpg.Connection) -> None:
    """Within a transaction that has locked what links may lead to: wait until those being made show."""
    if is_distributed(connection):
        await connection.execute("SELECT pg_advisory_lock($1), pg_advisory_unlock($1)", _MAKING)


async def forget(connection: asyncpg.Connection, gone: Sequence[UUID]) -> None:
    """Within a transaction that has these executions locked and will delete them: let children and forks of
    them forget where they came from."""
    await wait_for_makers(connection)
    for statement in _FORGET_AMONG:
        await connection.execute(statement, list(gone))


async def forget_range(connection: asyncpg.Connection, over: Range) -> None:
    """The same for all executions of a range of time."""
    await wait_for_makers(connection)
    for statement in _FORGET_BETWEEN:
        await connection.execute(statement, uuid7_floor(over.start), uuid7_floor(over.end))
