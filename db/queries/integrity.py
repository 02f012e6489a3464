"""Proof of what no foreign key guards: every log entry and event belongs to an execution."""

from dataclasses import dataclass

import asyncpg

UNLINKED = ("log_entries", "events")


@dataclass(frozen=True, slots=True)
class Finding:
    """How many rows of a table, or links of a column, are wrong, and in what."""

    table: str
    rows: int
    wrong: str = "of executions that are not there"


async def find_orphans(connection: asyncpg.Connection) -> list[Finding]:
    """Look through every unlinked table for rows whose execution is gone."""
    return [
        Finding(
            table,
            await connection.fetchval(
                f"SELECT count(*) FROM {table} c "
                "WHERE NOT EXISTS (SELECT 1 FROM executions e WHERE e.id = c.execution_id)"
            ),
        )
        for table in UNLINKED
    ]
