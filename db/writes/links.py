"""Where executions come from: what lets them forget it when that goes.

No foreign key leads from one execution to another, which may be on another node of a distributed database.
Whoever makes such a link holds the row of the execution to which it leads, in share at least, so that it is
there; whoever deletes executions holds them too, and then calls one of these.
"""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from db.ids import uuid7_floor
from db.partitions import Range

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


async def forget(connection: asyncpg.Connection, gone: Sequence[UUID]) -> None:
    """Within a transaction that has these executions locked and will delete them: let children and forks of
    them forget where they came from."""
    for statement in _FORGET_AMONG:
        await connection.execute(statement, list(gone))


async def forget_range(connection: asyncpg.Connection, over: Range) -> None:
    """The same for all executions of a range of time."""
    for statement in _FORGET_BETWEEN:
        await connection.execute(statement, uuid7_floor(over.start), uuid7_floor(over.end))
