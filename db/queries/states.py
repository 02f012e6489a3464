"""Reads of variables and of the state's own fields, at any version, for many executions at once."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from db.state_values import fetch_values


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
