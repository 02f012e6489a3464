"""Reads about workflows beyond lists: by name, by name and version."""

from collections.abc import Sequence

import asyncpg

from db.queries.batch import fetch_one
from db.queries.sources import WORKFLOWS

_NAME = {"name": "text", "version": "text"}
_BY_NAME = f"""
SELECT {WORKFLOWS.columns} FROM workflows c
WHERE c.name = p.name AND (p.version IS NULL OR c.version = p.version)
ORDER BY c.id DESC LIMIT 1
"""


async def fetch_by_name(
    connection: asyncpg.Connection, names: Sequence[tuple[str, str | None]]
) -> list[asyncpg.Record | None]:
    """The workflow with each (name, version); without a version the newest one of that name."""
    return await fetch_one(connection, _NAME, names, _BY_NAME)
