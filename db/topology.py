"""Whether a database is on one PostgreSQL, or its executions are spread over the nodes of a Citus cluster.

Most statements have one shape for both. Where there are two, the connection tells which is due: what it knows
was asked once, when the first of its pool was made.
"""

from typing import Any

import asyncpg

# The second is asked where the first is true.
HAS_CITUS = "SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL"
IS_SPREAD = """
SELECT EXISTS (
    SELECT FROM pg_dist_partition WHERE logicalrelid = to_regclass('executions') AND partmethod = 'h'
)
"""


class Driver(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """The driver's connection, which knows whether the tree is spread over nodes."""

    distributed = False


def is_distributed(connection: asyncpg.Connection) -> bool:
    """Whether the tree is spread over nodes; not, for a connection that does not know."""
    return isinstance(connection, Driver) and connection.distributed


class Recognition:
    """Called with each new connection of a pool: the first asks the database, and all know."""

    def __init__(self) -> None:
        self._answer: bool | None = None

    @property
    def distributed(self) -> bool:
        """Whether the tree is spread over nodes; not, as long as nobody has asked."""
        return bool(self._answer)

    def __call__(self, connection: Any, record: object) -> None:
        """Let a connection of SQLAlchemy's pool know."""
        if self._answer is None:
            self._answer = connection.run_async(_ask)
        connection.driver_connection.distributed = self._answer


async def _ask(connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval(HAS_CITUS)) and bool(await connection.fetchval(IS_SPREAD))
