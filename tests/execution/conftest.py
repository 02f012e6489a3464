"""Both ways of answering, on data of every kind."""

from collections.abc import AsyncIterator

import pytest_asyncio

from db.engine import Database
from db.enums import ExecutionStatus
from tests.execution.both import Both
from tests.factories import Factory
from tests.graph import world


@pytest_asyncio.fixture
async def both(database: Database, make: Factory) -> AsyncIterator[Both]:
    """Both ways on a database with something of everything in it."""
    await make.tree(workflows=3, executions=2, steps=3, logs=2)
    await world.arrange(make, ExecutionStatus.FAILED)
    yield Both(database)
