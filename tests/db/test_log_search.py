"""Text in logs: found with the index of past partitions as without it, and what of it is made when."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest
import pytest_asyncio

from db.engine import Database
from db.extensions import Extension
from db.ids import uuid7
from db.log_search import LogSearch, index_past_logs, log_search
from db.partitions import cover
from db.queries.filters import LogFilter
from db.queries.pages import Window, fetch_pages
from db.queries.sources import LOG_ENTRIES, LOGS_OF_EXECUTION
from tests.conftest import TEMPLATE, create_database, drop_database
from tests.extensions import with_extension
from tests.factories import Factory

PAST = datetime(2019, 12, 30, 12, tzinfo=UTC)
INDEX = "log_entries_20191201_text"
IN_ORDER = Window(LOG_ENTRIES.orders[0], descending=False, size=50)
MESSAGES = {
    1: "The needle 7f3a of the haystack",
    2: "ÄRGER mit 100% der Knoten_1",
    3: "a NEEDLE, and C:\\temp",
    4: "中文日志 zq",
}
INSERT = """
INSERT INTO log_entries (execution_id, seq, level, message, logged_at) VALUES ($1, $2, 20, $3, now())
"""
FILL = """
INSERT INTO log_entries (execution_id, seq, level, message, logged_at)
SELECT $1, 100 + n, 20, 'hay ' || md5(n::text), now() FROM generate_series(1, 20000) n
"""


@asynccontextmanager
async def with_a_past(cluster_url: str) -> AsyncIterator[Database]:
    """A database of its own, with partitions of a month that is over."""
    url = await create_database(cluster_url, f"log_search_{uuid7().hex}", TEMPLATE)
    database = Database(url, pool_size=1)
    try:
        await cover(database, [PAST])
        yield database
    finally:
        await database.close()
        await drop_database(url)


@pytest_asyncio.fixture
async def own(cluster_url: str) -> AsyncIterator[Database]:
    """A database with a past, for one test."""
    async with with_a_past(cluster_url) as database:
        yield database


@pytest_asyncio.fixture
async def able(own: Database) -> AsyncIterator[Database]:
    """The same with the extensions."""
    async with with_extension(own, Extension.TRIGRAMS), with_extension(own, Extension.KEYS):
        yield own


async def indexes(database: Database) -> list[str]:
    """The indexes of text that are there and valid."""
    statement = "SELECT indexrelid::regclass::text FROM pg_index WHERE indisvalid ORDER BY 1"
    async with database.reading() as connection:
        names = [row[0] for row in await connection.fetch(statement)]
    return [name for name in names if name.endswith("_text")]


async def logged(database: Database) -> UUID:
    """An execution of the past with the messages, and many others."""
    execution = await Factory(database).execution(id=uuid7(PAST))
    async with database.reading() as connection:
        await connection.execute(FILL, execution)
        await connection.executemany(
            INSERT,
            [(execution, seq, message) for seq, message in MESSAGES.items()],
        )
        await connection.execute("ANALYZE log_entries")
    return execution


async def found(database: Database, execution: UUID, text: str) -> list[int]:
    """The numbers of the entries with the text."""
    async with database.reading() as connection:
        [page] = await fetch_pages(
            connection, LOGS_OF_EXECUTION, [(execution,)], LogFilter(text=text), IN_ORDER
        )
    return [row["seq"] for row in page.rows]


@pytest_asyncio.fixture(scope="module")
async def indexed(cluster_url: str) -> AsyncIterator[tuple[Database, UUID]]:
    """An indexed database with a past, and the execution that it has; one for all who only search."""
    async with (
        with_a_past(cluster_url) as database,
        with_extension(database, Extension.TRIGRAMS),
        with_extension(database, Extension.KEYS),
    ):
        execution = await logged(database)
        await index_past_logs(database)
        yield database, execution


async def scans(database: Database) -> int:
    """How many times the index was read."""
    async with database.reading() as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        count: int = await connection.fetchval(
            "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = $1", INDEX
        )
    return count


async def test_only_what_is_over_is_indexed(able: Database) -> None:
    assert (await index_past_logs(able), await indexes(able)) == (1, [INDEX])
    assert await index_past_logs(able) == 0


async def test_without_the_extensions_nothing_is_indexed(own: Database) -> None:
    assert (await index_past_logs(own), await indexes(own)) == (0, [])
    past, indexed, missing = await log_search(own)
    assert (past, indexed) == (1, 0)
    assert missing is not None
    assert all(extension in missing for extension in (Extension.TRIGRAMS, Extension.KEYS))


async def test_what_was_left_half_made_is_made_anew(able: Database) -> None:
    await index_past_logs(able)
    async with able.reading() as connection:
        await connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = $1::text::regclass", INDEX
        )
    assert await log_search(able) == LogSearch(1, 0, None)
    assert (await index_past_logs(able), await indexes(able)) == (1, [INDEX])


async def test_dropping_the_extension_ends_it(able: Database) -> None:
    await index_past_logs(able)
    async with able.reading() as connection:
        await connection.execute(f"DROP EXTENSION {Extension.TRIGRAMS} CASCADE")
        await connection.execute(f"CREATE EXTENSION {Extension.TRIGRAMS}")
    assert await indexes(able) == []


@pytest.mark.parametrize(
    ("text", "seqs"),
    [
        ("needle", [1, 3]),
        ("NEEDLE 7F3A", [1]),
        ("ärger", [2]),
        ("100%", [2]),
        ("n_1", [2]),
        ("C:\\temp", [3]),
        ("日志", [4]),
        ("zq", [4]),
        ("no such text", []),
        ("needle%haystack", []),
    ],
)
async def test_the_index_finds_what_the_rows_have(
    indexed: tuple[Database, UUID], text: str, seqs: list[int]
) -> None:
    assert await found(*indexed, text) == seqs


async def test_a_text_is_found_by_the_index(indexed: tuple[Database, UUID]) -> None:
    database, execution = indexed
    before = await scans(database)
    await found(database, execution, "needle 7f3a")
    assert await scans(database) > before


async def test_a_text_without_a_trigram_leaves_the_index_alone(indexed: tuple[Database, UUID]) -> None:
    database, execution = indexed
    before = await scans(database)
    await found(database, execution, "zq")
    assert await scans(database) == before
