"""`health`: whether the service and its database are well."""

from importlib.metadata import version

import strawberry

from db.queries.health import look
from graph.auth.scopes import READ
from graph.context import Info


@strawberry.type(description="How the database does.")
class DatabaseStatus:
    """One look at the database."""

    version: str = strawberry.field(description="PostgreSQL's version.")
    latency: float = strawberry.field(description="Milliseconds for one round trip.")
    revision: str | None = strawberry.field(description="The schema's revision.")
    expected_revision: str = strawberry.field(description="The revision that this release needs.")
    partitions: int = strawberry.field(description="How many ranges of time have partitions.")


@strawberry.type(description="How the service does.")
class Health:
    """The service and its database."""

    version: str = strawberry.field(description="Flowkeep's version.")
    database: DatabaseStatus = strawberry.field(description="Its database.")


@strawberry.type
class HealthQueries:
    """Part of the root."""

    @strawberry.field(
        description="How the service does; an error where its database does not answer.", directives=[READ]
    )
    async def health(self, info: Info) -> Health:
        """Asks the database anew each time."""
        found = await look(info.context.database)
        return Health(
            version=version("flowkeep"),
            database=DatabaseStatus(
                version=found.version,
                latency=found.latency,
                revision=found.revision,
                expected_revision=found.expected_revision,
                partitions=found.partitions,
            ),
        )
