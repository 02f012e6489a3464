"""When the standby is read from, and when not."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from db.engine import Database
from db.enums import ReplicaState
from db.errors import NotReady
from db.replica import Replica
from db.replica.standing import Standing, objection
from tests.commands import flowkeep
from tests.conftest import at
from tests.factories import Factory
from tests.patience import PATIENCE
from tests.replica.conftest import replicating
from tests.replica.standby import Standby
from tests.replica.test_reads import count

GOOD = Standing(True, 100, datetime(2026, 1, 1, tzinfo=UTC), timeline=1, system=7, database=5)


async def test_who_is_further_behind_than_it_may_be_is_not_read_from(
    worker_url: str, standby: Standby, make: Factory
) -> None:
    await standby.pause()
    async with replicating(worker_url, standby, replica_max_lag=0.5) as client:
        await make.executions(3)
        async with asyncio.timeout(PATIENCE):
            while await count(client) == 0:  # noqa: ASYNC110 - until it is judged to be behind
                await asyncio.sleep(0.05)
        assert await count(client) == 3


async def test_a_standby_that_is_away_does_not_keep_a_service_from_starting(
    worker_url: str, standby: Standby, make: Factory
) -> None:
    await make.executions(3)
    away = SecretStr("postgresql://flowkeep@127.0.0.1:1/flowkeep")
    async with replicating(worker_url, standby, replica_url=away) as client:
        assert await count(client) == 3


@pytest.mark.parametrize(
    ("standby", "sentence"),
    [
        (GOOD, None),
        (replace(GOOD, in_recovery=False), "no standby: it was promoted"),
        (replace(GOOD, system=8), "another cluster"),
        (replace(GOOD, database=6), "another database"),
    ],
)
def test_what_speaks_against_a_standby_is_said(standby: Standing, sentence: str | None) -> None:
    said = objection(replace(GOOD, in_recovery=False), standby)
    assert said is sentence or (said is not None and sentence is not None and sentence in said)


def test_while_the_primary_is_away_its_standby_is_good() -> None:
    assert objection(None, GOOD) is None


async def test_a_standby_of_this_database_is_taken(database: Database, standby: Standby) -> None:
    replica = Replica(standby.url, database, max_lag=1, patience=1, pool_size=1)
    try:
        assert await replica.require_standby() is None
    finally:
        await replica.close()


async def test_a_role_needs_no_privileges_to_look(
    worker_url: str, database: Database, standby: Standby
) -> None:
    async with database.maintaining() as connection:
        await connection.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
    await standby.catch_up(database)
    urls = (make_url(url).set(username="plain", password="plain") for url in (worker_url, standby.url))
    primary, url = (url.render_as_string(hide_password=False) for url in urls)
    plain = Database(primary, pool_size=1)
    replica = Replica(url, plain, max_lag=PATIENCE, patience=1, pool_size=1)
    try:
        await replica.look()
        assert (replica.status.state, replica.status.reason) == (ReplicaState.IN_USE, None)
    finally:
        await replica.close()
        await plain.close()
        async with database.maintaining() as connection:
            await connection.execute("DROP ROLE plain")


@pytest.mark.parametrize("name", ["primary", "database"])
async def test_what_is_no_standby_of_this_database_is_refused(
    name: str, worker_url: str, database: Database, standby: Standby
) -> None:
    url = worker_url if name == "primary" else at(standby.url, "postgres")
    replica = Replica(url, database, max_lag=1, patience=1, pool_size=1)
    try:
        with pytest.raises(NotReady, match=r"no standby|another database"):
            await replica.require_standby()
    finally:
        await replica.close()


@pytest.mark.parametrize("arguments", [["check"], ["serve", "--port", "0"]])
@pytest.mark.usefixtures("database")
def test_commands_say_that_it_is_no_standby(arguments: list[str], worker_url: str) -> None:
    run = flowkeep(*arguments, FLOWKEEP_DATABASE_URL=worker_url, FLOWKEEP_REPLICA_URL=worker_url)
    assert (run.returncode, "it was promoted, or never was one" in run.stderr) == (1, True)


@pytest.mark.usefixtures("database")
def test_check_says_that_the_standby_is_away(worker_url: str) -> None:
    away = "postgresql://flowkeep@127.0.0.1:1/flowkeep"
    run = flowkeep("check", FLOWKEEP_DATABASE_URL=worker_url, FLOWKEEP_REPLICA_URL=away)
    assert (run.returncode, run.stdout.splitlines()[-1]) == (0, "All is well.")
    assert "PostgreSQL at 127.0.0.1:1 can't be reached" in run.stderr


async def test_the_url_is_shown_without_its_password() -> None:
    run = flowkeep("settings", FLOWKEEP_REPLICA_URL="postgresql://flowkeep:secret@replica/flowkeep")
    assert ("secret" in run.stdout, "flowkeep:***@replica" in run.stdout) == (False, True)
