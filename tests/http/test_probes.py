"""What supervisors and monitors ask."""

import httpx
from starlette.applications import Starlette

from db.engine import Database
from db.migrate import migrate
from db.partitions import cover_ahead
from db.queries import health
from graph.auth.authenticator import Authenticator
from graph.background import Background
from graph.http.probes import Probes
from graph.settings import Settings
from tests.client import Client
from tests.conftest import at
from tests.serving import serving, settings_of


def beside(client: Client, path: str) -> str:
    """Another address of the same server."""
    return client.url.removesuffix("/graphql") + path


async def test_a_process_that_answers_is_live(client: Client) -> None:
    answer = await client.http.get(beside(client, "/livez"))
    assert (answer.status_code, answer.json()) == (200, {"live": True})


async def test_a_database_that_can_be_worked_with_is_ready(client: Client) -> None:
    answer = await client.http.get(beside(client, "/readyz"))
    assert (answer.status_code, answer.json()) == (
        200,
        {"ready": True, "reasons": [], "warnings": []},
    )


async def test_readiness_needs_no_token(worker_url: str, database: Database) -> None:
    settings = settings_of(worker_url, auth="required")
    async with serving(settings) as url, httpx.AsyncClient() as http:
        root = url.removesuffix("/graphql")
        statuses = [(await http.get(root + path)).status_code for path in ("/livez", "/readyz", "/metrics")]
    assert statuses == [200, 200, 401]


async def test_a_database_at_another_revision_is_not_ready(empty_database_url: str) -> None:
    database = Database(empty_database_url, pool_size=1)
    (bare,) = await health.unready(database)
    await migrate(database)
    (uncovered,) = await health.unready(database)
    await cover_ahead(database)
    covered = await health.unready(database)
    await database.close()
    assert "has no schema yet" in bare
    assert "no partition" in uncovered
    assert covered == []


async def test_an_outage_is_told_without_the_host(worker_url: str) -> None:
    gone = Database(at(worker_url, "nobody_knows"), pool_size=1)
    authenticator = Authenticator(gone, Settings())
    app = Starlette(routes=Probes(gone, authenticator, None, Background()).routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
        answer = await http.get("/readyz")
    await gone.close()
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["The database can't be reached."])


async def test_health_tells_how_the_database_does(client: Client) -> None:
    data = await client.ask(
        """{ health { feeds { followers lag } database {
            role partitions partitionsAhead oldestTransaction pool { size inUse }
            tables { name bytes liveRows deadRows }
        } } }"""
    )
    database = data["health"]["database"]
    assert database["role"] == "PRIMARY"
    assert 0 < database["partitionsAhead"] < database["partitions"]
    assert database["pool"] == {"size": 2, "inUse": 0}
    assert {table["name"] for table in database["tables"]} == set(health.BIG_TABLES)
    assert all(table["bytes"] > 0 for table in database["tables"])
    assert data["health"]["feeds"] == {"followers": 0, "lag": 0.0}
