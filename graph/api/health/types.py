"""How the service and its database are, in types."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Self

import strawberry

from db.distribution import look_at_nodes
from db.queries.health import look, measure_tables
from db.queries.open_transactions import oldest_writer
from db.replica import Replica
from graph.api.health.log_search import LOG_SEARCH
from graph.api.health.statements import STATEMENTS
from graph.auth.scopes import READ
from graph.context import Info
from graph.enums import ReplicaState, ReplicationRole
from graph.loaded import loaded
from graph.scalars import Long


@strawberry.type(description="How large a table is, with all its partitions and indexes.")
class TableStatus:
    """One of the big tables."""

    name: str = strawberry.field(description="The table.")
    bytes: Long = strawberry.field(description="Bytes on disk.")
    live_rows: Long = strawberry.field(description="Rows, by PostgreSQL's estimate.")
    dead_rows: Long = strawberry.field(description="Rows that a VACUUM would clear away, by its estimate.")


@strawberry.type(description="This process's connections to the database.")
class PoolStatus:
    size: int = strawberry.field(description="How many it may hold.")
    in_use: int = strawberry.field(description="How many are in use, the one that asks not counted.")


@strawberry.type(description="How the database does.")
class DatabaseStatus:
    """One look at the database."""

    version: str = strawberry.field(description="PostgreSQL's version.")
    latency: float = strawberry.field(description="Milliseconds for one round trip.")
    revision: str | None = strawberry.field(description="The schema's revision.")
    expected_revision: str = strawberry.field(description="The revision that this release needs.")
    partitions: int = strawberry.field(description="How many ranges of time have partitions.")
    partitions_ahead: int = strawberry.field(description="How many of them are yet to begin.")
    role: ReplicationRole = strawberry.field(description="Whether it takes writes.")
    oldest_transaction: float | None = strawberry.field(
        description="Seconds since the oldest open transaction began, of those that may be seen; a very old "
        "one keeps VACUUM from its work."
    )
    pool: PoolStatus = strawberry.field(description="This process's connections.")

    @strawberry.field(description="The big tables, the largest first.", directives=[READ])
    async def tables(self, info: Info) -> list[TableStatus]:
        """Measured only where it is asked for."""
        return [
            TableStatus(
                name=table.name,
                bytes=Long(table.bytes),
                live_rows=Long(table.live_rows),
                dead_rows=Long(table.dead_rows),
            )
            for table in await measure_tables(info.context.database)
        ]


@strawberry.type(description="The standby that queries are read from, as the process that answers knows it.")
class ReplicaStatus:
    """What its last look came to, a second ago or so."""

    state: ReplicaState = strawberry.field(description="What it is good for.")
    reason: str | None = strawberry.field(description="Why it is not read from.")
    lag_seconds: float | None = strawberry.field(
        description="Seconds for which it has not had all of the primary's log; null where nobody knows."
    )
    lag_bytes: Long | None = strawberry.field(
        description="Bytes of the primary's log that it has not replayed; null where nobody knows."
    )
    pool: PoolStatus = strawberry.field(description="This process's connections to it.")

    @classmethod
    def of(cls, replica: Replica) -> Self:
        """Of a replica as it is known now."""
        status, pool = replica.status, replica.pool
        return cls(
            state=status.state,
            reason=status.reason,
            lag_seconds=status.lag_seconds,
            lag_bytes=None if status.lag_bytes is None else Long(status.lag_bytes),
            pool=PoolStatus(size=pool.size, in_use=pool.in_use),
        )


@strawberry.type(description="A transaction that has changed something and is still open.")
class OpenTransactionStatus:
    """As far as the service's role may see it."""

    process_id: int | None = strawberry.field(description="PostgreSQL's process; null for a prepared one.")
    application: str | None = strawberry.field(description="What its session calls itself.")
    database: str | None = strawberry.field(description="The database of the server that it is in.")
    state: str | None = strawberry.field(
        description="What its session does: `active`, or `idle in transaction`."
    )
    prepared: str | None = strawberry.field(
        description="Its name where it was prepared: it stays until COMMIT or ROLLBACK PREPARED."
    )
    age: float | None = strawberry.field(description="Seconds since it began.")


@strawberry.type(description="The live feeds of this process.")
class FeedStatus:
    """What reads what is new for its followers."""

    followers: int = strawberry.field(description="How many subscriptions follow something.")
    lag: float = strawberry.field(
        description="Seconds since the moment up to which they have been told of all commits; 0 without."
    )

    @strawberry.field(
        description="The oldest transaction of the server that has changed something and is still open: "
        "`executionChanges` can't tell yet what was committed after it began.",
        directives=[READ],
    )
    async def held_up_by(self, info: Info) -> OpenTransactionStatus | None:
        """Asked only where it is asked for."""
        found = await oldest_writer(info.context.database)
        return None if found is None else OpenTransactionStatus(**asdict(found))


@strawberry.type(description="A job that runs beside the requests of the process that answers.")
class JobStatus:
    """How a job went so far."""

    name: str = strawberry.field(
        description="`feeds` reads what is new for live feeds, `sockets` closes those whose token has ended, "
        "`partitions` makes partitions ahead, `log_index` indexes logs whose time is over, "
        "`retention` applies the policies, `metrics` shares figures between workers, `writability` sees "
        "whether a full disk has room again, `replica` looks at the standby."
    )
    failing: bool = strawberry.field(description="Whether its last rounds have all failed, three or more.")
    rounds: Long = strawberry.field(description="Rounds since the process started.")
    failures: Long = strawberry.field(description="How many of them failed.")
    failures_in_a_row: int = strawberry.field(description="How many failed since the last that did not.")
    last_error: str | None = strawberry.field(description="Why the last one that failed did.")
    last_failed_at: datetime | None = strawberry.field(description="When that was.")


async def _databases(info: Info, services: Sequence["Health"]) -> list[DatabaseStatus]:
    """One look for all who ask: it asks the database anew each time."""
    database = info.context.database
    found, pool = await look(database), database.pool
    status = DatabaseStatus(
        version=found.version,
        latency=found.latency,
        revision=found.revision,
        expected_revision=found.expected_revision,
        partitions=found.partitions,
        partitions_ahead=found.partitions_ahead,
        role=found.role,
        oldest_transaction=found.oldest_transaction,
        pool=PoolStatus(size=pool.size, in_use=pool.in_use),
    )
    return [status] * len(services)


@strawberry.type(description="A node of the Citus cluster that the database is spread over.")
class NodeStatus:
    """As the coordinator knows it."""

    host: str = strawberry.field(description="Where it is.")
    port: int = strawberry.field(description="Its port.")
    coordinator: bool = strawberry.field(description="Whether it is the one that the service asks.")
    active: bool = strawberry.field(description="Whether it takes part.")
    takes_shards: bool = strawberry.field(description="Whether executions may lie on it.")
    shards: Long = strawberry.field(description="How many shards of tables and their partitions it has.")
    bytes: Long = strawberry.field(description="Their bytes on disk, with indexes.")


async def _nodes(info: Info, services: Sequence["Health"]) -> list[list[NodeStatus]]:
    """One look for all who ask."""
    nodes = [
        NodeStatus(**{**asdict(node), "shards": Long(node.shards), "bytes": Long(node.bytes)})
        for node in await look_at_nodes(info.context.database)
    ]
    return [nodes] * len(services)


@strawberry.type(description="How the service does.")
class Health:
    """The service and its database."""

    version: str = strawberry.field(description="Flowkeep's version.")
    database = loaded(_databases, DatabaseStatus, "Its database; an error where it does not answer.")
    replica: ReplicaStatus | None = strawberry.field(
        description="The standby that queries are read from; null without one."
    )
    statements = STATEMENTS
    log_search = LOG_SEARCH
    nodes = loaded(
        _nodes,
        list[NodeStatus],
        "The nodes over which executions are spread; none where one PostgreSQL has them all.",
    )
    feeds: FeedStatus = strawberry.field(description="The live feeds of the process that answers.")
    jobs: list[JobStatus] = strawberry.field(
        description="What runs beside the requests of the process that answers."
    )
