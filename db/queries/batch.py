"""One statement for many keys: what is found for each of them, and the rows given back by key.

The keys are a table `p` of the statement with a column for each of their parts. A `select` that refers to
these (`p.execution_id`) is run beside every key, so its LIMIT is that of each.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import asyncpg

from db.queries.predicates import Parameters

# The parts of a key: their names with their types.
Parts: TypeAlias = Mapping[str, str]
EXECUTION: Parts = {"execution_id": "uuid"}
# Which key a row was found for, counted from 1: a column of the rows beside those that were selected.
KEY_NUMBER = "key_number"


async def fetch_many(
    connection: asyncpg.Connection,
    parts: Parts,
    keys: Sequence[tuple[Any, ...]],
    select: str,
    parameters: Parameters | None = None,
) -> list[list[asyncpg.Record]]:
    """The rows that `select`, which has these parameters, finds for each key, in its order."""
    found: list[list[asyncpg.Record]] = [[] for _ in keys]
    for row in await _fetch(connection, parts, keys, select, parameters):
        found[row[KEY_NUMBER] - 1].append(row)
    return found


async def fetch_one(
    connection: asyncpg.Connection,
    parts: Parts,
    keys: Sequence[tuple[Any, ...]],
    select: str,
    parameters: Parameters | None = None,
) -> list[asyncpg.Record | None]:
    """The row that `select` finds for each key, None where there is none."""
    rows = await _fetch(connection, parts, keys, select, parameters)
    found = {row[KEY_NUMBER]: row for row in rows}
    return [found.get(number) for number in range(1, len(keys) + 1)]


async def _fetch(
    connection: asyncpg.Connection,
    parts: Parts,
    keys: Sequence[tuple[Any, ...]],
    select: str,
    parameters: Parameters | None,
) -> list[asyncpg.Record]:
    parameters = parameters or Parameters()
    # A subselect hides from the planner how many keys there are: one plan is made for any number, and kept.
    # With bare parameters it plans for a few keys anew each time, which takes longer than finding their rows.
    columns = [
        f"(SELECT {parameters.add([key[at] for key in keys], f'{cast}[]')})"
        for at, cast in enumerate(parts.values())
    ]
    rows: list[asyncpg.Record] = await connection.fetch(
        f"SELECT p.{KEY_NUMBER}, c.* FROM unnest({', '.join(columns)}) WITH ORDINALITY "
        f"AS p({', '.join(parts)}, {KEY_NUMBER}) CROSS JOIN LATERAL ({select}) c",
        *parameters.values,
    )
    return rows
