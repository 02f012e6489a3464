"""Whole ranges of time: dropped, or emptied of their logs, once everything in them may go.

A partition that others refer to can't simply be dropped: it is detached first, children of the tree before
what they refer to. Detaching makes PostgreSQL look for references that stay, under locks that keep everybody
out of the tree; with the children gone there is next to nothing to look at.
"""

from dataclasses import dataclass, field

import asyncpg

from db.partitions import TREE, Range, list_ranges, partition
from db.queries.predicates import Parameters
from db.retention.selection import Part, Selection
from db.writes.deletions import note_dropped
from db.writes.links import forget_range

# Who waits for a lock keeps everybody waiting who comes after: never for longer than this. The first lock is
# that of executions, through which every writer goes; for the others there is hardly anything to wait for.
_FIRST_LOCK = "SET LOCAL lock_timeout = '250ms'"
_OTHER_LOCKS = "SET LOCAL lock_timeout = '50ms'"
# A nested loop finds at once that no partition is left that could refer to the one that goes; a hash would be
# made of all that is there.
_PLANS = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off"


@dataclass(frozen=True, slots=True)
class Gone:
    """The rows that went, by table, and the partitions that were dropped."""

    rows: dict[str, int] = field(default_factory=dict)
    partitions: tuple[str, ...] = ()


async def ranges_over(connection: asyncpg.Connection, selection: Selection) -> list[Range]:
    """The ranges that are old enough to go as a whole, newest first."""
    latest = [at for at in (selection.latest(Part.EXECUTIONS), selection.latest(Part.LOGS)) if at is not None]
    there = await list_ranges(connection)
    return [one for one in reversed(there) if latest and one.end <= max(latest)]


async def may_drop(connection: asyncpg.Connection, selection: Selection, part: Part, over: Range) -> bool:
    """Whether the part of every execution in the range may go."""
    latest = selection.latest(part)
    if latest is None or latest < over.end:
        return False
    parameters = Parameters()
    due = selection.due(part, parameters, over)
    if part is Part.LOGS:  # an execution that goes takes its logs along
        due = f"({due} OR {selection.due(Part.EXECUTIONS, parameters, over)})"
    stays = f"SELECT 1 FROM {partition('executions', over)} e WHERE ({due}) IS NOT TRUE"
    return not await connection.fetchval(f"SELECT EXISTS ({stays})", *parameters.values)


class Stays(Exception):
    """Something in a range must stay: the transaction that was to drop it is to be rolled back."""


async def drop_range(connection: asyncpg.Connection, selection: Selection, over: Range, actor: str) -> Gone:
    """Within a transaction: drop the range's partitions.

    Raises `Stays`, and the driver's error where a lock is not to be had at once.
    """
    if not await may_drop(connection, selection, Part.EXECUTIONS, over):
        raise Stays
    rows = {table: await _count(connection, partition(table, over)) for table in TREE}
    await connection.execute(_FIRST_LOCK)
    # References within the range count as well. They go before the locks, since there may be many of them,
    # and so do notes of what is deleted, while nobody else writes to the range.
    await forget_range(connection, over)
    await connection.execute(f"LOCK TABLE {partition('executions', over)} IN SHARE ROW EXCLUSIVE MODE")
    await note_dropped(connection, actor, partition("executions", over))
    await connection.execute("LOCK TABLE executions IN ACCESS EXCLUSIVE MODE")
    await connection.execute(_OTHER_LOCKS)
    await connection.execute(f"LOCK TABLE {', '.join(TREE[1:])}, workflows IN ACCESS EXCLUSIVE MODE")
    # Nobody else can change anything now: what may go, goes.
    if not await may_drop(connection, selection, Part.EXECUTIONS, over):
        raise Stays
    await connection.execute(_PLANS)
    await forget_range(connection, over)
    names = tuple(partition(table, over) for table in reversed(TREE))
    for table, name in zip(reversed(TREE), names, strict=True):
        await connection.execute(f"ALTER TABLE {table} DETACH PARTITION {name}")
        await connection.execute(f"DROP TABLE {name}")
    return Gone({table: count for table, count in rows.items() if count}, names)


async def empty_logs(connection: asyncpg.Connection, selection: Selection, over: Range) -> Gone | None:
    """Within a transaction: take away all log entries of the range; None where there is nothing to take."""
    name = partition("log_entries", over)
    if not await connection.fetchval(f"SELECT EXISTS (SELECT 1 FROM {name})"):
        return None
    if not await may_drop(connection, selection, Part.LOGS, over):
        return None
    rows = await _count(connection, name)
    await connection.execute(_FIRST_LOCK)
    # Nobody appends to them, and none of their executions goes on, until this is done.
    await connection.execute(f"LOCK TABLE {partition('executions', over)} IN EXCLUSIVE MODE")
    await connection.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
    if not await may_drop(connection, selection, Part.LOGS, over):
        return None
    await connection.execute(f"TRUNCATE {name}")
    return Gone({"log_entries": rows})


async def _count(connection: asyncpg.Connection, table: str) -> int:
    rows: int = await connection.fetchval(f"SELECT count(*) FROM {table}")
    return rows
