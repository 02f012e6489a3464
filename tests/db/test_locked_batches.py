"""The same batches where each is a transaction that locks first, as it is behind a pooler."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio

from db.engine import Database
from tests.db.test_batches import *
from tests.patience import PATIENCE

# These count what is said to PostgreSQL, by a Database of their own.
del test_changes_of_tags_are_two_statements  # noqa: F821
del test_a_batch_is_two_statements_whatever_it_holds  # noqa: F821
del test_what_arrives_round_by_round_goes_together  # noqa: F821
del test_deletions_of_checkpoints_look_again_under_the_lock_and_write_once  # noqa: F821
del test_all_of_a_batch_is_written_by_arms_for_little_or_for_all  # noqa: F821
del test_what_is_large_waits_for_nobody_and_takes_nobody_along  # noqa: F821
del test_recovery_is_the_same_two_statements_however_many_steps  # noqa: F821


@pytest_asyncio.fixture
async def database(database: Database, worker_url: str) -> AsyncIterator[Database]:
    """This worker's, in transactions that are bounded one by one."""
    behind = Database(worker_url, pool_size=4, pooler=True, statement_timeout=timedelta(seconds=PATIENCE))
    yield behind
    await behind.close()


async def test_they_are(database: Database) -> None:
    assert not database.autocommits
