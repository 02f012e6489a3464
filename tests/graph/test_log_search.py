"""What `health` tells of the search for text in logs."""

from db.engine import Database
from db.extensions import Extension
from tests.client import Client
from tests.extensions import with_extension

SEARCH = "{ health { logSearch { missing past indexed } } }"


async def test_without_the_extensions_it_is_said_who_mends_that(client: Client) -> None:
    found = (await client.ask(SEARCH))["health"]["logSearch"]
    assert (Extension.TRIGRAMS in found["missing"], found["indexed"]) == (True, 0)


async def test_with_the_extensions_nothing_is_missing(client: Client, database: Database) -> None:
    async with with_extension(database, Extension.TRIGRAMS), with_extension(database, Extension.KEYS):
        found = (await client.ask(SEARCH))["health"]["logSearch"]
    assert (found["missing"], found["indexed"]) == (None, 0)
