"""Databases on the Citus cluster that FLOWKEEP_TEST_CITUS_URL names: made for a run, dropped after it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.engine import URL, make_url

_LOCK = 0x6369747573
_NODES = "SELECT nodename, nodeport FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid"


@asynccontextmanager
async def _connected(url: URL) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        yield connection
    finally:
        await connection.close()


async def _nodes(url: URL) -> list[URL]:
    """The nodes' addresses, the coordinator's first."""
    async with _connected(url) as connection:
        rows = await connection.fetch(_NODES)
    return [url.set(host=row["nodename"], port=row["nodeport"]) for row in rows]


async def create_cluster_database(given: str, name: str) -> str:
    """A database of this name on every node, joined as those of `given` are; returns its URL."""
    url = make_url(given).set(drivername="postgresql")
    nodes = await _nodes(url)
    async with _connected(url) as connection:
        # Two at once would give the nodes the same roles at the same time, which is refused.
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await _create(url, name, nodes)
    return url.set(drivername="postgresql+asyncpg", database=name).render_as_string(hide_password=False)


async def _create(url: URL, name: str, nodes: list[URL]) -> None:
    for node in nodes:
        async with _connected(node) as connection:
            await connection.execute(f'CREATE DATABASE "{name}"')
        async with _connected(node.set(database=name)) as connection:
            await connection.execute("CREATE EXTENSION citus")
    async with _connected(url.set(database=name)) as connection:
        await connection.execute("SELECT citus_set_coordinator_host($1, $2)", nodes[0].host, nodes[0].port)
        for node in nodes[1:]:
            await connection.execute("SELECT citus_add_node($1, $2)", node.host, node.port)


async def drop_cluster_database(given: str, name: str) -> None:
    """Drop it on every node, whoever is connected to it."""
    for node in await _nodes(make_url(given).set(drivername="postgresql")):
        async with _connected(node) as connection:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
