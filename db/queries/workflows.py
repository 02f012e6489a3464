"""Reads about workflows beyond lists: by name, by name and version."""

from collections.abc import Sequence

import asyncpg

from db.queries.sources import WORKFLOWS

_BY_NAME = f"""
SELECT p.ord AS key_ord, c.*
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS p(name, version, ord)
CROSS JOIN LATERAL (
    SELECT {WORKFLOWS.columns} FROM workflows c
    WHERE c.name = p.name AND (p.version IS NULL OR c.version = p.version)
    ORDER BY c.id DESC LIMIT 1
) c
"""


async def fetch_by_name(
    connection: asyncpg.Connection, names: Sequence[tuple[str, str | None]]
) -> list[asyncpg.Record | None]:
    """The workflow with each (name, version); without a version the newest one of that name."""
    rows = await connection.fetch(_BY_NAME, [name for name, _ in names], [version for _, version in names])
    found = {row["key_ord"]: row for row in rows}
    return [found.get(at) for at in range(1, len(names) + 1)]
