"""A bundle shows one moment, whatever is written meanwhile."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import asyncpg
import orjson
import pytest

from db.bundles.reading import Export, Unwritten
from db.engine import Database
from db.errors import NotFound
from tests.factories import Factory

_LOG = """
WITH taken AS (UPDATE executions SET log_seq = 1 WHERE id = $1)
INSERT INTO log_entries (execution_id, seq, level, message, logged_at) VALUES ($1, 1, 20, 'late', now())
"""


class Meddler:
    """Takes the lines of a bundle, and logs something once it has the execution's own."""

    def __init__(self, url: str, execution: UUID) -> None:
        self._url, self._execution = url.replace("+asyncpg", ""), execution
        self.text = b""

    def write(self, text: bytes) -> None:
        """Take lines."""
        self.text += text
        if text.startswith(b'{"kind":"execution",'):
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, self._log()).result()

    async def _log(self) -> None:
        connection = await asyncpg.connect(self._url)
        await connection.execute(_LOG, self._execution)
        await connection.close()


def refuse(text: bytes) -> None:
    """Like a disk that is full."""
    raise OSError(28, "No space left on device")


async def exported(export: Export, execution: UUID) -> None:
    """Make a bundle of one execution."""
    export.begin()
    await export.add(execution)
    export.end()


async def test_what_is_written_meanwhile_is_left_out(
    database: Database, make: Factory, worker_url: str
) -> None:
    meddler = Meddler(worker_url, key := await make.execution())
    await exported(Export(database, meddler.write), key)
    lines = [orjson.loads(line) for line in meddler.text.splitlines()]
    assert [line["kind"] for line in lines[2:-1]] == ["execution", "state", "executionEnd"]
    assert lines[2]["log_seq"] == 0


async def test_a_full_disk_is_not_taken_for_the_database(database: Database, make: Factory) -> None:
    with pytest.raises(Unwritten, match="No space left on device"):
        await Export(database, refuse).add(await make.execution())


async def test_of_what_is_not_there_nothing_is_written(database: Database) -> None:
    with pytest.raises(NotFound):
        await Export(database, refuse).add(UUID(int=1))
