"""Proof of what no foreign key guards: every link leads somewhere.

Executions may be on other nodes than those that they came from, so links between them are followed page by
page, a look-up by key each, rather than joined.
"""

from uuid import UUID

import asyncpg

from db.queries.integrity import Finding

_PAGE = 5_000
_FIRST = UUID(int=0)
_NOWHERE = "lead to what is not there"
_LINKED = """
SELECT id, parent_id, forked_from_execution_id, forked_from_seq FROM executions
WHERE id > $1 AND (parent_id IS NOT NULL OR forked_from_execution_id IS NOT NULL) ORDER BY id LIMIT $2
"""
_PARENTS = "SELECT id FROM executions WHERE id = ANY($1::uuid[])"
_BASES = """
SELECT execution_id, seq FROM checkpoints WHERE execution_id = ANY($1::uuid[]) AND seq = ANY($2::bigint[])
"""
_CHECKPOINTS = """
SELECT count(*) FROM checkpoints c WHERE c.parent_seq IS NOT NULL AND NOT EXISTS (
    SELECT FROM checkpoints p WHERE p.execution_id = c.execution_id AND p.seq = c.parent_seq)
"""


async def find_broken_links(connection: asyncpg.Connection) -> list[Finding]:
    """How many links of each kind lead nowhere."""
    parents = forks = 0
    after = _FIRST
    while rows := await connection.fetch(_LINKED, after, _PAGE):
        after = rows[-1]["id"]
        leading = [row["parent_id"] for row in rows if row["parent_id"] is not None]
        there = {row["id"] for row in await connection.fetch(_PARENTS, leading)}
        parents += sum(parent not in there for parent in leading)
        bases = [tuple(row)[2:] for row in rows if row["forked_from_execution_id"] is not None]
        named = [key for key, _ in bases], [seq for _, seq in bases]
        known = {tuple(row) for row in await connection.fetch(_BASES, *named)}
        forks += sum(base not in known for base in bases)
    return [
        Finding("executions.parent_id", parents, _NOWHERE),
        Finding("executions.forked_from_execution_id", forks, _NOWHERE),
        Finding("checkpoints.parent_seq", await connection.fetchval(_CHECKPOINTS), _NOWHERE),
    ]
