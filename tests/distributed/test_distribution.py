"""`flowkeep distribute`, and what comes after it, on a Citus."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from db.distribution import REFERENCE, distribute, plan
from db.engine import Database
from db.enums import ExecutionStatus
from db.errors import InvalidInput, NotReady
from db.migrate import current, head, migrate
from db.partitions import TREE, cover, cover_ahead, partition
from tests.client import Client
from tests.commands import Command
from tests.conftest import CITUS
from tests.distributed.cluster import create_cluster_database, drop_cluster_database
from tests.factories import Factory
from tests.rows import everything

_SPREAD = "SELECT count(*) FROM citus_tables WHERE table_name = $1::text::regclass AND shard_count = 4"


@pytest_asyncio.fixture
async def cluster_database_url() -> AsyncIterator[str]:
    """A database of the cluster that is migrated and not distributed, for one test."""
    name = f"flowkeep_tests_own_{os.getpid()}"
    url = await create_cluster_database(os.environ[CITUS], name)
    database = Database(url)
    await migrate(database)
    await cover_ahead(database)
    await database.close()
    yield url
    await drop_cluster_database(os.environ[CITUS], name)


@pytest_asyncio.fixture
async def filled_url(cluster_database_url: str) -> str:
    """The same with executions that have one of everything."""
    database = Database(cluster_database_url)
    await Factory(database).family(children=20)
    await database.close()
    return cluster_database_url


async def test_what_is_there_moves_along_and_a_second_time_does_nothing(filled_url: str) -> None:
    database = Database(filled_url)
    before = await everything(database)
    done = await distribute(database, 4)
    again = await distribute(database, 4)
    assert (done.tree, done.everywhere, again.done) == (TREE, REFERENCE, True)
    assert await everything(database) == before
    await database.close()


async def test_a_plan_changes_nothing(filled_url: str) -> None:
    database = Database(filled_url)
    assert (await plan(database, 4)).tree == TREE
    assert not (await plan(database, 4)).done
    await database.close()


async def test_another_number_of_shards_is_refused_with_what_changes_it(cluster_database_url: str) -> None:
    database = Database(cluster_database_url)
    await distribute(database, 4)
    with pytest.raises(InvalidInput, match=r"over 4 shards already.*shard_count := 8"):
        await distribute(database, 8)
    await database.close()


async def test_partitions_that_come_later_are_spread_too(cluster_database_url: str) -> None:
    database = Database(cluster_database_url)
    await distribute(database, 4)
    await database.close()
    database = Database(cluster_database_url)
    (new,) = await cover(database, [datetime.now(UTC) + timedelta(days=300)])
    async with database.reading() as connection:
        spread = [await connection.fetchval(_SPREAD, partition(table, new)) for table in TREE]
    assert spread == [1] * len(TREE)
    await database.close()


async def test_it_is_migrated_as_others_are_but_not_back_behind_what_it_needs(filled_url: str) -> None:
    database = Database(filled_url)
    await distribute(database, 4)
    await migrate(database)
    assert await current(database) == head()
    with pytest.raises(NotReady, match="spread over nodes"):
        await migrate(database, "0009")
    await database.close()


def test_the_command_says_what_it_does(filled_url: str) -> None:
    command = Command(filled_url)
    planned = command.done("distribute", "--shards", "4", "--dry-run")
    done = orjson.loads(command.done("distribute", "--shards", "4", "--json"))
    again = command.done("distribute", "--shards", "4")
    assert "Spread over 4 shards would be: executions, steps" in planned
    assert (done["shards"], done["tree"]) == (4, list(TREE))
    assert "Nothing to do: the executions are spread over 4 shards." in again
    assert command.done("check").endswith("All is well.\n")


async def test_health_shows_the_nodes(client: Client, make: Factory) -> None:
    await make.executions(20, status=ExecutionStatus.RUNNING)
    found = await client.ask("{ health { nodes { coordinator active takesShards shards bytes } } }")
    nodes = found["health"]["nodes"]
    assert [node["coordinator"] for node in nodes].count(True) == 1
    assert all(node["active"] for node in nodes)
    assert all((node["shards"] > 0) == (node["bytes"] > 0) for node in nodes)


def test_a_bundle_is_taken_in_once(filled_url: str, command: Command, tmp_path: Path) -> None:
    bundle = str(tmp_path / "all.ndjson")
    Command(filled_url).done("export", "--filter", "{}", "--output", bundle)
    first, second = (command.done("import", "bundle", bundle) for _ in range(2))
    assert first.startswith("21 imported, 0 already there, 0 failed")
    assert second.startswith("0 imported, 21 already there, 0 failed")
