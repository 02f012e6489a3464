"""Locks on executions of many nodes, none of which locks rows of the others."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

_LOCK = "SELECT id FROM executions WHERE id = $1::uuid FOR UPDATE{skip}"


async def lock_each(
    driver: asyncpg.Connection, keys: Sequence[UUID], *, skip_locked: bool = False
) -> list[UUID]:
    """Within a transaction: lock executions for deletion, in this order, each where it is.

    Returns those that are there; with `skip_locked` without those that somebody else holds.
    """
    statement = _LOCK.format(skip=" SKIP LOCKED" if skip_locked else "")
    return [row["id"] for key in keys for row in await driver.fetch(statement, key)]
