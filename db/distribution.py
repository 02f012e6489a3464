"""Spreading a database over the nodes of a Citus cluster, by the executions' ids.

Every table of the tree is cut into as many shards, those of one execution on one node; the others are small,
and are on every node. One transaction: where it is broken off, nothing has changed.
"""

from dataclasses import dataclass

import asyncpg

from db.engine import Database
from db.errors import InvalidInput, NotReady
from db.migrate import LOCK, require_head
from db.partitions import TREE

# Tables that rows of the tree refer to, or that are read beside them; on every node.
REFERENCE = (
    "workflows",
    "idempotency_keys",
    "audit_entries",
    "deleted_executions",
    "holds",
    "retention_policies",
    "retention_runs",
    "tokens",
)
MOST_SHARDS = 1024
_ROOT = TREE[0]
_KEY_TO_WORKFLOWS = "executions_workflow_id_fkey"
_EXTENSION = "SELECT extversion FROM pg_extension WHERE extname = 'citus'"
_NODES = """
SELECT n.nodename AS host, n.nodeport AS port, n.groupid = 0 AS coordinator, n.isactive AS active,
       n.shouldhaveshards AS takes_shards, count(s.shardid) AS shards,
       coalesce(sum(s.shard_size), 0)::bigint AS bytes
FROM pg_dist_node n LEFT JOIN citus_shards s ON s.nodename = n.nodename AND s.nodeport = n.nodeport
WHERE n.noderole = 'primary' GROUP BY n.nodeid ORDER BY n.groupid, n.nodename, n.nodeport
"""
_DISTRIBUTED = """
SELECT c.relname::text AS name, p.partmethod = 'n' AS everywhere,
       (SELECT count(*) FROM pg_dist_shard s WHERE s.logicalrelid = p.logicalrelid) AS shards
FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT c.relispartition
"""
_DEFINITION = """
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1 AND conrelid = 'executions'::regclass
"""


# A change of many executions and of a table that is on every node, in one transaction, is refused where the
# first went over many connections to a node.
_ONE_CONNECTION_A_NODE = """
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET citus.multi_shard_modify_mode = sequential', current_database());
END $$
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the cluster, with how many shards of tables and of their partitions it has, and their bytes.

    The `coordinator` is the one that is connected to.
    """

    host: str
    port: int
    coordinator: bool
    active: bool
    takes_shards: bool
    shards: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and over which nodes; nothing where all is distributed already.

    `shards` is what the tree has, or will have.
    """

    version: str
    nodes: tuple[Node, ...]
    shards: int
    tree: tuple[str, ...]
    everywhere: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether there is nothing to do."""
        return not self.tree and not self.everywhere


async def look_at_nodes(database: Database) -> list[Node]:
    """The nodes of the cluster; none where PostgreSQL has no Citus."""
    async with database.reading() as connection:
        return await fetch_nodes(connection)


async def fetch_nodes(connection: asyncpg.Connection) -> list[Node]:
    """The nodes of the cluster; none where PostgreSQL has no Citus."""
    if await connection.fetchval(_EXTENSION) is None:
        return []
    return [Node(*row) for row in await connection.fetch(_NODES)]


async def plan(database: Database, shards: int) -> Plan:
    """What `distribute` would do.

    Raises `NotReady` where this is no Citus with a node that takes shards, or without this release's schema,
    and `InvalidInput` for a number of shards that can't be, or that is not the one that the tree has already.
    """
    await require_head(database)
    async with database.reading() as connection:
        return await _plan(connection, shards)


async def distribute(database: Database, shards: int) -> Plan:
    """Distribute what is not; returns what was done. Raises as `plan` does.

    Nobody else can read or write meanwhile, which takes as long as it takes to copy what there is. Processes
    that are connected already don't know of it, and are to be started anew.
    """
    await require_head(database)
    async with database.maintaining() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        todo = await _plan(connection, shards)
        if not todo.done:
            await _distribute(connection, todo)
    return todo


async def _plan(connection: asyncpg.Connection, shards: int) -> Plan:
    if not 1 <= shards <= MOST_SHARDS:
        raise InvalidInput(f"The number of shards is from 1 to {MOST_SHARDS}.")
    version = await connection.fetchval(_EXTENSION)
    if version is None:
        raise NotReady(
            "This database has no Citus: install it on every node of the cluster, and CREATE EXTENSION citus "
            "in the database. A PostgreSQL without it needs no distribution."
        )
    nodes = tuple(await fetch_nodes(connection))
    if not any(node.active and node.takes_shards for node in nodes):
        raise NotReady(
            "No node of the cluster takes shards: add workers with citus_add_node, then try again."
        )
    known = {row["name"]: row for row in await connection.fetch(_DISTRIBUTED)}
    there = known.get(_ROOT)
    if there is not None and there["shards"] != shards:
        raise InvalidInput(
            f"The tree is distributed over {there['shards']} shards already. Citus changes their number: "
            f"SELECT alter_distributed_table('executions', shard_count := {shards}, "
            "cascade_to_colocated := true)."
        )
    return Plan(
        version,
        nodes,
        shards,
        tuple(table for table in TREE if table not in known),
        tuple(table for table in REFERENCE if table not in known),
    )


async def _distribute(connection: asyncpg.Connection, todo: Plan) -> None:
    # A key may lead to a table that is everywhere, but while one leads to it, it can't become so.
    await connection.execute("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")
    key = await connection.fetchval(_DEFINITION, _KEY_TO_WORKFLOWS)
    if todo.everywhere and key is not None:
        await connection.execute(f"ALTER TABLE executions DROP CONSTRAINT {_KEY_TO_WORKFLOWS}")
    for table in todo.tree:
        await _distribute_table(connection, table, todo.shards)
    for table in todo.everywhere:
        await connection.execute("SELECT create_reference_table($1::text::regclass)", table)
    if todo.everywhere and key is not None:
        await connection.execute(f"ALTER TABLE executions ADD CONSTRAINT {_KEY_TO_WORKFLOWS} {key}")
    await connection.execute(_ONE_CONNECTION_A_NODE)


async def _distribute_table(connection: asyncpg.Connection, table: str, shards: int) -> None:
    if table == _ROOT:
        await connection.execute(
            "SELECT create_distributed_table($1::text::regclass, 'id', "
            "shard_count := $2, colocate_with := 'none')",
            table,
            shards,
        )
    else:
        await connection.execute(
            "SELECT create_distributed_table($1::text::regclass, 'execution_id', colocate_with := $2)",
            table,
            _ROOT,
        )
