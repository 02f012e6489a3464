"""Which executions go into a bundle: those that a filter takes, oldest first."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from uuid import UUID

from db.engine import Database
from db.queries.filters import ExecutionFilter
from db.queries.pages import Window, count_children, fetch_page
from db.queries.sources import ALL_EXECUTIONS, EXECUTIONS

_PAGE = 1_000
_ALL = 2**31
_GREATEST = "SELECT id FROM executions ORDER BY id DESC LIMIT 1"


async def count_matching(database: Database, narrowed: ExecutionFilter) -> int:
    """How many there are; raises `InvalidInput` for a filter that can't be fulfilled."""
    async with database.reading() as connection:
        (found,) = await count_children(connection, ALL_EXECUTIONS, [()], narrowed, _ALL)
    return found


async def matching(database: Database, narrowed: ExecutionFilter) -> AsyncGenerator[UUID]:
    """Their keys, up to the greatest that is there when the first is asked for, so that there is an end.

    It is the keys that count and not this machine's clock, which those of another may be ahead of.

    What others were started or forked by comes before them.
    """
    async with database.reading() as connection:
        last = await connection.fetchval(_GREATEST)
    if last is None:
        return
    window = Window(EXECUTIONS.order("CREATED_AT"), False, _PAGE, before=(UUID(int=last.int + 1),))
    more = True
    while more:
        async with database.reading() as connection:
            page = await fetch_page(connection, ALL_EXECUTIONS, narrowed, window, frozenset({"id"}))
        for row in page.rows:
            yield row["id"]
        if page.rows:
            window = replace(window, after=window.place(page.rows[-1]))
        more = page.more
