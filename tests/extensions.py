"""Extensions of PostgreSQL in a test's database, where its programs have them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from db.engine import Database
from db.extensions import Extension

_SHIPPED = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = $1)"


@asynccontextmanager
async def with_extension(database: Database, extension: Extension) -> AsyncIterator[None]:
    """Have the extension inside the block; skips the test where this PostgreSQL comes without."""
    async with database.reading() as connection:
        shipped = await connection.fetchval(_SHIPPED, extension)
        if shipped:
            await connection.execute(f"CREATE EXTENSION {extension}")
    if not shipped:
        pytest.skip(f"This PostgreSQL comes without {extension}.")
    try:
        yield
    finally:
        async with database.reading() as connection:
            await connection.execute(f"DROP EXTENSION IF EXISTS {extension} CASCADE")
