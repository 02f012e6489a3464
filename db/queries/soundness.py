"""Whether the database's structures are what they should be: constraints, indexes and tables on disk.

amcheck compares every index with its table, and looks through every page of the tables. It takes as long as
reading all of it, and locks as a query does.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg

from db.engine import Database
from db.extensions import Extension, presence

_INVALID = """
SELECT indexrelid::regclass::text AS relation, 'is not valid: REINDEX INDEX it, or drop it' AS wrong
FROM pg_index JOIN pg_class c ON c.oid = indexrelid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT (indisvalid AND indisready)
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = indexrelid)
UNION ALL
SELECT conrelid::regclass::text, 'has the constraint ' || conname || ', which was not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated AND conrelid <> 0
ORDER BY 1, 2
"""
_RELATIONS = """
SELECT c.oid, c.oid::regclass::text AS name, c.relkind::text AS kind
FROM pg_class c JOIN pg_am am ON am.oid = c.relam LEFT JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relpersistence = 'p'
  AND (c.relkind = 'r' AND am.amname = 'heap' OR c.relkind = 'i' AND am.amname = 'btree' AND i.indisvalid)
ORDER BY c.relkind DESC, name
"""
# A table that went in the meantime, as partitions do, has no row.
_TABLE = """
SELECT format('block %s, row %s: %s', h.blkno, h.offnum, h.msg)
FROM pg_class c, {schema}.verify_heapam(c.oid::regclass) h WHERE c.oid = $1 LIMIT 5
"""
_INDEX = "SELECT {schema}.bt_index_check(oid::regclass, true) FROM pg_class WHERE oid = $1"
_ALLOWED = """
SELECT bool_and(has_function_privilege(oid, 'EXECUTE')), quote_ident(current_user)
FROM pg_proc WHERE pronamespace = $1::regnamespace
  AND (proname = 'verify_heapam' OR proname = 'bt_index_check' AND pronargs = 2)
"""
_DAMAGED = (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError)


@dataclass(frozen=True, slots=True)
class Damage:
    """A table or an index, and what is wrong with it."""

    relation: str
    wrong: str


class Relation(NamedTuple):
    """A table (`kind` r) or an index (i)."""

    oid: int
    name: str
    kind: str


class Survey(NamedTuple):
    """The tables and indexes to look through with amcheck, which is in `schema`; or why that can't be."""

    schema: str
    relations: list[Relation]
    missing: str | None


async def find_invalid(connection: asyncpg.Connection) -> list[Damage]:
    """Indexes that are not used, or not kept up, and constraints that rows need not hold to."""
    return [Damage(*row) for row in await connection.fetch(_INVALID)]


async def survey(connection: asyncpg.Connection) -> Survey:
    """What `examine` can look through."""
    schema, missing = await presence(connection, Extension.CHECKS)
    if schema is None:
        return Survey("", [], missing)
    allowed, role = await connection.fetchrow(_ALLOWED, schema)
    if not allowed:
        functions = f"{schema}.verify_heapam, {schema}.bt_index_check(regclass, boolean)"
        return Survey(
            "", [], f"{role} may not call amcheck: GRANT EXECUTE ON FUNCTION {functions} TO {role}."
        )
    return Survey(schema, [Relation(*row) for row in await connection.fetch(_RELATIONS)], None)


async def examine(database: Database, found: Survey) -> AsyncIterator[list[Damage]]:
    """What is wrong with each relation of a survey, in its order; for each a session of its own."""
    for relation in found.relations:
        statement = (_TABLE if relation.kind == "r" else _INDEX).format(schema=found.schema)
        async with database.reading() as connection:
            try:
                said = [row[0] for row in await connection.fetch(statement, relation.oid)]
            except _DAMAGED as error:
                said = [str(error)]
        yield [Damage(relation.name, wrong) for wrong in said if wrong]
