"""Run by alembic through `db.migrate`: one transaction for all revisions, under an advisory lock.

Whoever comes second polls for the lock rather than waiting inside PostgreSQL, where it would hold a
snapshot for as long, and proceeds only once it has it.
"""

import time

from alembic import context
from sqlalchemy import Connection, text

from db.migrate import LOCK
from db.models import Base

LOCK_WAIT_SECONDS = 600.0
POLL_SECONDS = 0.1


def take_lock(connection: Connection) -> None:
    """Hold the migrations' lock until the transaction ends; TimeoutError after ten minutes."""
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": LOCK}):
        if time.monotonic() > deadline:
            raise TimeoutError("another migration has held the lock for ten minutes")
        time.sleep(POLL_SECONDS)


def run(connection: Connection) -> None:
    """Run the revisions asked for on `connection`."""
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        take_lock(connection)
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        context.run_migrations()


run(context.config.attributes["connection"])
