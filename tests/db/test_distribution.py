"""What needs no Citus to be said of distributing a database."""

import pytest

from db.distribution import distribute, look_at_nodes, plan
from db.engine import Database
from db.errors import InvalidInput, NotReady
from tests.client import Client
from tests.commands import Command


async def test_one_postgresql_is_told_that_it_has_no_citus(database: Database) -> None:
    for attempt in (plan, distribute):
        with pytest.raises(NotReady, match="has no Citus"):
            await attempt(database, 8)


@pytest.mark.parametrize("shards", [0, -1, 1025])
async def test_the_number_of_shards_is_bounded(database: Database, shards: int) -> None:
    with pytest.raises(InvalidInput, match="from 1 to 1024"):
        await plan(database, shards)


async def test_a_database_without_a_schema_is_told_to_migrate(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    with pytest.raises(NotReady, match="run `flowkeep migrate`"):
        await plan(database, 8)
    await database.close()


def test_the_command_refuses_one_postgresql_in_a_sentence(command: Command) -> None:
    run = command.run("distribute", "--shards", "8")
    assert (run.returncode, "has no Citus" in run.stderr, "Traceback" in run.stderr) == (1, True, False)


async def test_one_postgresql_has_no_nodes(database: Database, client: Client) -> None:
    assert await look_at_nodes(database) == []
    assert await client.ask("{ health { nodes { host } } }") == {"health": {"nodes": []}}
