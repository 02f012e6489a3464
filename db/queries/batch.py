"""One statement for many keys: what is found for each of them, and the rows given back by key.

The keys are a table `p` of the statement with a column for each of their parts. A `select` that refers to
these (`p.execution_id`) is run beside every key, so its LIMIT is that of each.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import asyncpg

from db.queries.predicates import Parameters
from db.topology import is_distributed

# The parts of a key: their names with their types.
Parts: TypeAlias = Mapping[str, str]
EXECUTION: Parts = {"execution_id": "uuid"}
# Which key a row was found for, counted from 1: a column of the rows beside those that were selected.
KEY_NUMBER = "key_number"
# By these, executions of all nodes are found.
_OF_ALL_NODES = frozenset(("workflow_id", "parent_id"))


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
    if not is_distributed(connection):
        statement = _beside_every_key(parts, keys, select, parameters)
    elif "execution_id" in parts:
        statement = _beside_every_execution(parts, keys, select, parameters)
    elif _OF_ALL_NODES.isdisjoint(parts):
        statement = _beside_every_key(parts, keys, select, parameters)
    else:
        statement = _one_by_one(parts, keys, select, parameters)
    rows: list[asyncpg.Record] = await connection.fetch(statement, *parameters.values)
    return rows


def _beside_every_key(
    parts: Parts, keys: Sequence[tuple[Any, ...]], select: str, parameters: Parameters
) -> str:
    # A subselect hides from the planner how many keys there are: one plan is made for any number, and kept.
    # With bare parameters it plans for a few keys anew each time, which takes longer than finding their rows.
    columns = [f"(SELECT {array})" for array in _arrays(parts, keys, parameters)]
    return (
        f"SELECT p.{KEY_NUMBER}, c.* FROM unnest({', '.join(columns)}) WITH ORDINALITY "
        f"AS p({', '.join(parts)}, {KEY_NUMBER}) CROSS JOIN LATERAL ({select}) c"
    )


def _beside_every_execution(
    parts: Parts, keys: Sequence[tuple[Any, ...]], select: str, parameters: Parameters
) -> str:
    """On many nodes: each finds what belongs to its own executions, out of which the keys are told.

    Citus refuses a LIMIT beside the rows of a function, which may be of any node; here they are those of the
    executions, and the other parts of their keys are looked up by number.
    """
    arrays = dict(zip(parts, _arrays(parts, keys, parameters), strict=True))
    executions = arrays.pop("execution_id")
    others = "".join(f", ({array})[k.{KEY_NUMBER}] AS {name}" for name, array in arrays.items())
    return (
        f"SELECT p.{KEY_NUMBER}, c.* FROM (SELECT k.*{others} FROM ("
        f"SELECT e.id AS execution_id, unnest(array_positions({executions}, e.id)) AS {KEY_NUMBER} "
        f"FROM executions e WHERE e.id = ANY({executions})) k) p CROSS JOIN LATERAL ({select}) c"
    )


def _one_by_one(parts: Parts, keys: Sequence[tuple[Any, ...]], select: str, parameters: Parameters) -> str:
    """On many nodes, for executions of any of them: a query a key, all in one statement."""
    mentioned = re.compile(rf"\bp\.({'|'.join(parts)})\b")
    queries = []
    for number, key in enumerate(keys, 1):
        values = {
            name: parameters.add(value, cast) for (name, cast), value in zip(parts.items(), key, strict=True)
        }
        own = mentioned.sub("{\\1}", select.replace("{", "{{").replace("}", "}}")).format_map(values)
        queries.append(f"SELECT {number}::bigint AS {KEY_NUMBER}, c.* FROM ({own}) c")
    return " UNION ALL ".join(queries)


def _arrays(parts: Parts, keys: Sequence[tuple[Any, ...]], parameters: Parameters) -> list[str]:
    return [parameters.add([key[at] for key in keys], f"{cast}[]") for at, cast in enumerate(parts.values())]
