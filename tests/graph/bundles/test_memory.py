"""However large an execution is, never more of it is held than a page of lines."""

from pathlib import Path
from uuid import UUID

import pytest

from db.engine import Database
from tests.commands import Command
from tests.factories import Factory
from tests.graph.bundles.conftest import Other
from tests.graph.reading import exec_id

MEBIBYTE = 2**20
_LOGS = """
WITH counted AS (UPDATE executions SET log_seq = 30000 WHERE id = $1)
INSERT INTO log_entries (execution_id, seq, level, message, logged_at)
SELECT $1, seq, 20, repeat(md5(seq::text), 60), now() FROM generate_series(1, 30000) seq
"""
_VALUES = """
INSERT INTO state_entries (execution_id, key, version, op, value)
SELECT $1, 'a', seq, 'SET', to_jsonb(repeat(md5(seq::text), 30000)) FROM generate_series(1, 60) seq
"""
_COUNTS = "SELECT (SELECT count(*) FROM log_entries), (SELECT count(*) FROM state_entries)"


async def grow(database: Database, execution: UUID) -> None:
    """Give it a log of 55 MiB, and 55 MiB of values of a variable."""
    async with database.maintaining() as connection:
        await connection.execute(_LOGS, execution)
        await connection.execute(_VALUES, execution)


@pytest.mark.slow
async def test_memory_is_that_of_a_page(
    make: Factory, command: Command, database: Database, other: Other, tmp_path: Path
) -> None:
    small, large = exec_id(await make.execution()), exec_id(key := await make.execution())
    await grow(database, key)
    few, many = str(tmp_path / "small.zst"), str(tmp_path / "large.zst")
    least = await command.most_memory("export", small, "--output", few)
    assert await command.most_memory("export", large, "--output", many) < least + 50 * MEBIBYTE
    least = await other.command.most_memory("import", "bundle", few)
    assert await other.command.most_memory("import", "bundle", many) < least + 50 * MEBIBYTE
    async with other.database.reading() as connection:
        assert [*await connection.fetchrow(_COUNTS)] == [30_000, 60]
