"""How text is found in logs, in types."""

import strawberry

from db.log_search import log_search
from graph.auth.scopes import READ
from graph.context import Info


@strawberry.type(
    description="How far logs are indexed for searches by text. Partitions whose time is over are, where "
    "PostgreSQL has the extensions; in all others an execution's log is searched row by row."
)
class LogSearchStatus:
    """What `db/log_search.py` makes."""

    missing: str | None = strawberry.field(
        description="Why nothing will be indexed: what PostgreSQL lacks, and who mends that how. Null where "
        "it lacks nothing."
    )
    past: int = strawberry.field(description="How many partitions' time is over.")
    indexed: int = strawberry.field(description="How many of those are indexed.")


async def _log_search(self: object, info: Info) -> LogSearchStatus | None:
    found = await log_search(info.context.database)
    return LogSearchStatus(missing=found.missing, past=found.past, indexed=found.indexed)


LOG_SEARCH = strawberry.field(
    resolver=_log_search, description="How text is found in logs.", directives=[READ]
)
