"""The database of a service and its replica, as the settings have them."""

from datetime import timedelta

from db.engine import Database
from db.replica import Replica
from graph.settings import Settings

# The server stops a statement a little after the request's own deadline has cancelled it: only what was
# left behind is still running then.
_STATEMENT_GRACE = 5.0


def open_database(settings: Settings) -> Database:
    """The database of `settings`, whose URL must be set."""
    if settings.database_url is None:
        raise ValueError("create_app needs settings with a database_url")
    return Database(
        settings.database_url.get_secret_value(),
        pool_size=settings.pool_size,
        statement_timeout=_statement_timeout(settings),
        pooler=settings.pgbouncer,
        most_held=settings.max_held_bytes,
    )


def open_replica(settings: Settings, database: Database) -> Replica | None:
    """The replica of `settings`, if there is one."""
    if settings.replica_url is None:
        return None
    return Replica(
        settings.replica_url.get_secret_value(),
        database,
        max_lag=settings.replica_max_lag,
        patience=settings.replica_wait,
        pool_size=settings.pool_size,
        statement_timeout=_statement_timeout(settings),
        pooler=settings.pgbouncer,
    )


def _statement_timeout(settings: Settings) -> timedelta:
    return timedelta(seconds=settings.request_timeout + _STATEMENT_GRACE)
