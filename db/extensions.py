"""PostgreSQL's extensions that are made use of where they are there; nothing needs them.

In the embedded PostgreSQL they are made where its programs have them. In another one that is for its
administrator to decide: who lacks one is told what to run.
"""

from enum import StrEnum
from typing import NamedTuple

import asyncpg


class Extension(StrEnum):
    """An extension, by PostgreSQL's name; all are part of its contrib."""

    CHECKS = "amcheck"
    STATEMENTS = "pg_stat_statements"
    TRIGRAMS = "pg_trgm"
    KEYS = "btree_gin"


class Presence(NamedTuple):
    """The schema that an extension is in, quoted; None where it can't be used, and then why not."""

    schema: str | None
    missing: str | None


_PRESENCE = """
SELECT a.name IS NOT NULL AS shipped, quote_ident(n.nspname) AS schema,
       current_setting($2, true) IS NOT NULL AS loaded, quote_ident(current_database()) AS database
FROM (SELECT $1::text) AS wanted (name)
LEFT JOIN pg_available_extensions a ON a.name = wanted.name
LEFT JOIN pg_extension e ON e.extname = wanted.name
LEFT JOIN pg_namespace n ON n.oid = e.extnamespace
"""
# A setting that is there once the server has loaded the library, for those that work in no other way.
_LOADED = {Extension.STATEMENTS: "pg_stat_statements.max"}
_ALWAYS = "server_version"


async def presence(connection: asyncpg.Connection, extension: Extension) -> Presence:
    """Whether the database has the extension, and the server its library."""
    row = await connection.fetchrow(_PRESENCE, extension, _LOADED.get(extension, _ALWAYS))
    if not row["shipped"]:
        return Presence(None, f"This PostgreSQL comes without {extension}, which is part of its contrib.")
    if not row["loaded"]:
        return Presence(
            None,
            f"The server has not loaded {extension}: add it to shared_preload_libraries, restart PostgreSQL, "
            f"and run CREATE EXTENSION {extension} in the database {row['database']}.",
        )
    if row["schema"] is None:
        return Presence(
            None,
            f"The extension {extension} is not in the database {row['database']}: "
            f"have its administrator run CREATE EXTENSION {extension} there.",
        )
    return Presence(row["schema"], None)
