"""What a page that a browser was lured to can do: nothing."""

from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.client import Client
from tests.http.conftest import Serve

EVIL, GOOD = "https://evil.example", "https://dash.example"
BODY = '{"query": "{ health { version } }"}'
JSON = {"Content-Type": "application/json"}
SIMPLE = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")


@pytest.mark.parametrize("kind", SIMPLE)
async def test_what_a_form_can_send_is_refused(client: Client, kind: str) -> None:
    response = await client.http.post(client.url, content=BODY, headers={"Content-Type": kind})
    assert response.status_code == 415


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": EVIL, "Sec-Fetch-Site": "same-origin"},
    ],
    ids=str,
)
async def test_another_origin_is_refused(client: Client, headers: dict[str, str]) -> None:
    response = await client.http.post(client.url, content=BODY, headers=JSON | headers)
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize("site", ["none", "same-origin"])
async def test_the_own_origin_is_let_in(client: Client, site: str) -> None:
    headers = JSON | {"Origin": client.url.removesuffix("/graphql"), "Sec-Fetch-Site": site}
    assert (await client.http.post(client.url, content=BODY, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Sec-Fetch-Mode": "no-cors"}, 400),
        ({"Content-Type": "text/plain"}, 400),
        ({"Content-Type": "application/jsonfoo"}, 400),
        ({"GraphQL-Require-Preflight": "1"}, 200),
        ({"X-Requested-With": "x"}, 200),
        ({"Content-Type": "application/json"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
    ids=str,
)
async def test_a_get_needs_a_header_that_takes_a_preflight(
    client: Client, headers: dict[str, str], status: int
) -> None:
    response = await client.http.get(client.url, params={"query": "{ __typename }"}, headers=headers)
    assert response.status_code == status


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "", "["]
)
async def test_a_name_that_was_made_to_point_here_is_refused(client: Client, host: str) -> None:
    headers = JSON | {"Host": host}
    assert (await client.http.post(client.url, content=BODY, headers=headers)).status_code in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000", "127.8.8.8"])
async def test_this_machine_goes_by_several_names(client: Client, host: str) -> None:
    response = await client.http.post(client.url, content=BODY, headers=JSON | {"Host": host})
    assert response.status_code == 200


@pytest.mark.parametrize(("origin", "allowed"), [(GOOD, GOOD), (EVIL, None)])
async def test_a_preflight_is_answered_for_known_origins(
    serve: Serve, origin: str, allowed: str | None
) -> None:
    client = await serve(cors_origins=[GOOD])
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    headers |= {"Access-Control-Request-Headers": "authorization, content-type"}
    response = await client.http.options(client.url, headers=headers)
    assert response.headers.get("access-control-allow-origin") == allowed


@pytest.mark.parametrize(("origin", "status"), [(GOOD, 200), (EVIL, 403)])
async def test_only_known_origins_are_served(serve: Serve, origin: str, status: int) -> None:
    client = await serve(cors_origins=[GOOD])
    response = await client.http.post(client.url, content=BODY, headers=JSON | {"Origin": origin})
    assert response.status_code == status


@pytest.mark.parametrize("origin", [GOOD, EVIL])
async def test_without_origins_nobody_is_told_of_any(client: Client, origin: str) -> None:
    response = await client.http.options(
        client.url, headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
    )
    assert not [name for name in response.headers if name.startswith("access-control")]


async def test_a_socket_of_another_origin_is_refused(client: Client) -> None:
    url = client.url.replace("http://", "ws://")
    given: dict[str, Any] = {"origin": Origin(EVIL), "subprotocols": [Subprotocol("graphql-transport-ws")]}
    with pytest.raises((InvalidStatus, ConnectionClosed)):
        async with connect(url, **given) as socket:
            await socket.recv()


ANSWERS = {
    "answer": (BODY, JSON),
    "refusal": ("{", JSON),
    "another type": (BODY, {"Content-Type": "text/plain"}),
    "another origin": (BODY, JSON | {"Origin": EVIL}),
    "nothing to accept": (BODY, JSON | {"Accept": "image/png"}),
    "no token": (BODY, JSON | {"Authorization": "Bearer x"}),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_every_answer_has_the_headers_that_protect(client: Client, name: str) -> None:
    body, headers = ANSWERS[name]
    found = (await client.http.post(client.url, content=body, headers=headers)).headers
    assert found["x-content-type-options"] == "nosniff"
    assert found["cache-control"] == "no-store"
    assert found["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "server" not in found
