"""Reads of variables and of the state's own fields, at any version, for many executions at once."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from db.queries.batch import EXECUTION, fetch_many
from db.state_values import fetch_values

_VERSION = {**EXECUTION, "version": "bigint"}
_NAMING = """
SELECT 1 FROM checkpoints c WHERE c.execution_id = p.execution_id AND c.state_version = p.version LIMIT 1
"""


async def fetch_variables(
    connection: asyncpg.Connection, states: Sequence[tuple[UUID, int]]
) -> list[dict[str, str]]:
    """The variables of each (execution id, version), as JSON texts by key."""
    return await fetch_values(connection, states)


async def fetch_fields(
    connection: asyncpg.Connection, states: Sequence[tuple[UUID, int]]
) -> list[dict[str, str]]:
    """The state's own fields (`current_step` and so on) of each, in the same form."""
    return await fetch_values(connection, states, field=True)


async def fetch_variable(
    connection: asyncpg.Connection, asked: Sequence[tuple[UUID, int, str]]
) -> list[str | None]:
    """One variable of each (execution id, version, key), as JSON text; None where there is none then."""
    states = list(dict.fromkeys((execution, version) for execution, version, _ in asked))
    found = await fetch_values(connection, states, keys=sorted({key for *_, key in asked}))
    by_state = dict(zip(states, found, strict=True))
    return [by_state[execution, version].get(key) for execution, version, key in asked]


async def fetch_named(connection: asyncpg.Connection, asked: Sequence[tuple[UUID, int]]) -> list[bool]:
    """Whether a checkpoint names each (execution id, version)."""
    found = await fetch_many(connection, _VERSION, asked, _NAMING)
    return [bool(rows) for rows in found]
