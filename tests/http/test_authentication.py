"""Who is let in over HTTP, whose name stands in histories, and how often somebody may come."""

from datetime import UTC, datetime, timedelta

import pytest

from db.engine import Database
from db.enums import Scope
from graph.auth.tokens import mint
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import NOW, Factory
from tests.http.conftest import Enter, Serve
from tests.rows import rows

ASK = {"query": "{ health { version } }"}
TYPES = ["application/json", "application/graphql-response+json"]
SOON = timedelta(seconds=1)
HEADERS = {
    "none": None,
    "empty": "",
    "another scheme": "Basic dXNlcjpwYXNz",
    "no token": "Bearer",
    "nonsense": "Bearer x",
    "no secret": "Bearer fk_",
    "unknown": f"Bearer {mint().text}",
    "a JWT": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
    "very long": f"Bearer fk_{'a' * 20_000}",
    "two": f"Bearer {mint().text}, Bearer {mint().text}",
}


@pytest.mark.parametrize("accept", TYPES)
@pytest.mark.parametrize("name", HEADERS)
async def test_who_can_not_say_who_they_are_hears_401(serve: Serve, name: str, accept: str) -> None:
    client = await serve(auth="required")
    given = HEADERS[name]
    headers = {"Accept": accept} | ({} if given is None else {"Authorization": given})
    response = await client.http.post(client.url, json=ASK, headers=headers)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("accept", TYPES)
@pytest.mark.parametrize("column", ["expires_at", "revoked_at"])
async def test_a_token_that_is_over_is_worthless(enter: Enter, column: str, accept: str) -> None:
    client = await enter(Scope.ADMIN, **{column: NOW + SOON})
    response = await client.http.post(client.url, json=ASK, headers={"Accept": accept})
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")


async def test_a_forged_secret_is_worthless(enter: Enter) -> None:
    client = await enter(Scope.ADMIN)
    shown = client.http.headers["Authorization"]
    forged = {"Authorization": shown[:-1] + ("A" if shown[-1] != "A" else "B")}
    assert (await client.http.post(client.url, json=ASK, headers=forged)).status_code == 401


async def test_a_token_lets_in(enter: Enter) -> None:
    client = await enter(Scope.READ, expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert (await client.ask(ASK["query"]))["health"]["version"]


async def test_nothing_is_read_for_who_is_not_let_in(serve: Serve) -> None:
    client = await serve(auth="required")
    response = await client.http.post(client.url, content=b"{", headers={"Content-Type": "application/json"})
    assert response.status_code == 401


async def test_the_actor_is_the_name_of_the_token(enter: Enter, make: Factory, database: Database) -> None:
    client = await enter(Scope.WRITE, name="engine 7")
    key = encode(Kind.WORKFLOW, await make.workflow())
    await client.ask(
        "mutation ($input: CreateExecutionInput!) { createExecution(input: $input) { __typename } }",
        input={"workflowId": key},
    )
    assert {row["actor"] for row in await rows(database, "events")} == {"engine 7"}


async def test_the_actor_of_an_audit_entry_too(enter: Enter, database: Database) -> None:
    client = await enter(Scope.ADMIN, name="chief")
    await client.done("createToken", name="new", scopes=["READ"])
    assert {row["actor"] for row in await rows(database, "audit_entries")} == {"chief"}


async def statuses(client: Client, number: int) -> list[int]:
    """The statuses of so many requests."""
    return [(await client.http.post(client.url, json=ASK)).status_code for _ in range(number)]


SLOW = {"rate_limit": 0.1, "rate_burst": 3}


async def test_a_flood_waits(serve_anew: Serve) -> None:
    client = await serve_anew(**SLOW)
    assert await statuses(client, 5) == [200, 200, 200, 429, 429]


async def test_who_waits_is_told_how_long(serve_anew: Serve) -> None:
    client = await serve_anew(**SLOW)
    await statuses(client, 3)
    response = await client.http.post(client.url, json=ASK)
    assert 1 <= int(response.headers["retry-after"]) <= 10
    assert response.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_others_do_not_wait(serve_anew: Serve, make: Factory) -> None:
    client = await serve_anew(**SLOW, auth="required")
    one, other = [{"Authorization": f"Bearer {await make.token()}"} for _ in range(2)]
    for headers in (one, one, one, one):
        await client.http.post(client.url, json=ASK, headers=headers)
    assert (await client.http.post(client.url, json=ASK, headers=one)).status_code == 429
    assert (await client.http.post(client.url, json=ASK, headers=other)).status_code == 200
