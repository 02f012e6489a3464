"""The one statement that locks the executions of a batch and reads all that their writes need to see.

It is put together from an arm for each kind of thing that is needed (`lookups.py`), so that a batch of
heartbeats does not pay for states. Each arm takes an array with one element an execution: the keys that it
wants, as a JSON list. Rows are locked in the order in which the executions are given.

The rest of the statement sees the database as it was when the statement began, while a locked row is seen
as it is: where another process wrote in between, the head's event number differs from the one that the
statement began with, and everything is read once more, under the locks that are now held.

A glance reads the same without locks: what is decided by it is written on the condition that the rows of the
executions are still those that it saw.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import NamedTuple
from uuid import UUID

import asyncpg
import orjson

from db.narrowing import ends, few, narrowed, ranged
from db.topology import is_distributed
from db.writes.found import take
from db.writes.links import wait_for_makers
from db.writes.lookups import FORKED, LOOKUPS
from db.writes.needs import Needs
from db.writes.seen import Head, Seen

_HEAD = ", ".join(f"e.{column}" for column in Head._fields)
_STATEMENT = """
SELECT a.id AS asked, s.event_seq AS began_with, clock_timestamp() AS now, l.row_version, {head}{found}
FROM {asked}
LEFT JOIN LATERAL (SELECT e.event_seq FROM executions e WHERE e.id = a.id) s ON true
LEFT JOIN LATERAL ({latest}) l ON true
{joins}
"""

_NEEDS = tuple(LOOKUPS.keys() - {"earlier"})


class Asked(NamedTuple):
    """What the writes of a batch need of one execution, and their idempotency keys."""

    needs: Needs
    keys: frozenset[str]


class _Locking(StrEnum):
    """How the rows of executions are locked, in SQL."""

    NOT = ""
    WAITING = " FOR NO KEY UPDATE"
    SKIPPING = " FOR NO KEY UPDATE SKIP LOCKED"


@cache
def _statement(arms: tuple[str, ...], locking: _Locking, of_one: bool) -> str:
    """Of many executions, or `of_one`: all is then found by one value, which says on which node it is."""
    wanted = [f"{arm}_wanted" for arm in arms]
    if of_one:
        given = "".join(f", ${number}::text AS {name}" for number, name in enumerate(wanted, 2))
        asked, forked = f"(SELECT $1::uuid AS id{given}) AS a", "NULL"
    else:
        arrays = ", ".join(["$3::uuid[]", *(f"${number}::text[]" for number, _ in enumerate(arms, 4))])
        table = f"unnest({arrays}) AS u({', '.join(['id', *wanted])})"
        asked, forked = f"(SELECT * FROM {table} WHERE {few('u.id')}) AS a", FORKED.format("a.id")
    arm_of = {arm: LOOKUPS[arm].replace("{forked}", forked) for arm in arms}
    joins = [
        f"LEFT JOIN LATERAL ({arm_of[arm].replace('{wanted}', name)}) of_{arm} ON true"
        for arm, name in zip(arms, wanted, strict=True)
    ]
    # Under a lock nobody asks for the row's version, and not every node would tell.
    row_version = 0 if locking else "e.xmin"
    latest = f"SELECT {row_version} AS row_version, {_HEAD} FROM executions e WHERE e.id = a.id"
    statement = _STATEMENT.format(
        head=", ".join(f"l.{column}" for column in Head._fields),
        found="".join(f", of_{arm}.found AS {arm}_found" for arm in arms),
        asked=asked,
        latest="{latest}" if locking else latest,
        joins="\n".join(joins),
    )
    if not of_one:
        statement = ranged(narrowed(statement, "a.id"), "$1", "$2")
    # Not in the range only: PostgreSQL 18 then loses a row for whose lock it has waited.
    return statement.replace("{latest}", latest + locking)


async def look(
    driver: asyncpg.Connection, asked: Mapping[UUID, Asked], *, skip_locked: bool
) -> dict[UUID, Seen | None]:
    """Lock the executions and read what is asked of them, in the order of `asked`.

    None for one that isn't there; one that somebody else holds is left out with `skip_locked`, and waited
    for without.
    """
    rows = await _fetch(driver, asked, _Locking.SKIPPING if skip_locked else _Locking.WAITING)
    held = {row["asked"]: row for row in rows if row["id"] is not None}
    if any(row["event_seq"] != row["began_with"] for row in held.values()):
        # In the same transaction: what is locked stays so, and nobody else can have come in between. What
        # isn't must not be locked now, for that would have to be looked through in the same way.
        again = await _fetch(driver, {key: asked[key] for key in held}, _Locking.WAITING)
        held = {row["asked"]: row for row in again}
    return {
        key: await _seen(driver, held[key], asked[key]) if key in held else None
        for key, began_with in ((row["asked"], row["began_with"]) for row in rows)
        if key in held or began_with is None or not skip_locked
    }


async def glance(driver: asyncpg.Connection, asked: Mapping[UUID, Asked]) -> dict[UUID, Seen | None]:
    """Read what is asked of the executions without locking them; None for one that isn't there."""
    return {
        row["asked"]: None if row["id"] is None else await _seen(driver, row, asked[row["asked"]])
        for row in await _fetch(driver, asked, _Locking.NOT)
    }


async def look_again(
    driver: asyncpg.Connection, seen: Mapping[UUID, Seen], needs: Mapping[UUID, Needs]
) -> None:
    """Within a transaction that has these executions locked: read what else is needed, as it is now."""
    asked = {key: Asked(needed, frozenset()) for key, needed in needs.items()}
    for row in await _fetch(driver, asked, _Locking.WAITING):
        await _take(driver, row, seen[row["asked"]], needs[row["asked"]])


async def _fetch(
    driver: asyncpg.Connection, asked: Mapping[UUID, Asked], locking: _Locking
) -> list[asyncpg.Record]:
    wanted = [_wanted(one) for one in asked.values()]
    used = {arm: [one.get(arm) for one in wanted] for arm in LOOKUPS if any(arm in one for one in wanted)}
    if is_distributed(driver):
        statement = _statement(tuple(used), locking, True)
        each = zip(asked, *used.values(), strict=True)
        return [row for given in each for row in await driver.fetch(statement, *given)]
    rows: list[asyncpg.Record] = await driver.fetch(
        _statement(tuple(used), locking, False), *ends([*asked]), list(asked), *used.values()
    )
    return rows


def _wanted(asked: Asked) -> dict[str, str]:
    """What is asked for, as a JSON list for each arm."""
    wanted = {name: one for name in _NEEDS if (one := getattr(asked.needs, name))}
    if asked.keys:
        wanted["earlier"] = asked.keys
    return {name: "[]" if one is True else orjson.dumps(list(one)).decode() for name, one in wanted.items()}


async def _seen(driver: asyncpg.Connection, row: asyncpg.Record, asked: Asked) -> Seen:
    seen = Seen(row["now"], Head(*(row[column] for column in Head._fields)), row["row_version"])
    await _take(driver, row, seen, asked.needs)
    return seen


async def _take(driver: asyncpg.Connection, row: asyncpg.Record, seen: Seen, needs: Needs) -> None:
    take(row, seen, needs)
    if seen.marks is not None and is_distributed(driver):
        # Forks are of any node.
        await wait_for_makers(driver)
        forked = orjson.loads(await driver.fetchval(FORKED.format("$1"), row["asked"]) or "[]")
        seen.marks = seen.marks._replace(forked=frozenset(forked))
