"""Methods, media types and addresses: what is not served says so, in JSON."""

import json

import pytest

from tests.client import Client

GET = {"GraphQL-Require-Preflight": "1"}
NEW = "application/graphql-response+json"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_another_method_is_405(client: Client, method: str) -> None:
    response = await client.http.request(method, client.url)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/*", "application/json"),
        (NEW, NEW),
        (f"{NEW}, application/json;q=0.9", NEW),
        (f"{NEW};q=0.5, application/json", "application/json"),
        (f"application/json;q=nope, {NEW}", NEW),
    ],
)
async def test_the_answer_comes_in_the_type_that_is_accepted(client: Client, accept: str, kind: str) -> None:
    body = {"query": "{ __typename }"}
    response = await client.http.post(client.url, json=body, headers={"Accept": accept})
    assert response.headers["content-type"] == f"{kind}; charset=utf-8"


@pytest.mark.parametrize("accept", ["text/html", "image/png", "application/json;q=0", "nonsense", ""])
async def test_a_type_that_is_not_served_is_406(client: Client, accept: str) -> None:
    body = {"query": "{ __typename }"}
    response = await client.http.post(client.url, json=body, headers={"Accept": accept})
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (
        406,
        "BAD_USER_INPUT",
    )


async def test_a_get_brings_all_parameters(client: Client) -> None:
    document = "query A { __typename } query B($n: Int) { workflows(first: $n) { nodes { id } } }"
    given = {"query": document, "operationName": "B", "variables": json.dumps({"n": 1})}
    response = await client.http.get(client.url, params=given, headers=GET)
    assert response.json() == {"data": {"workflows": {"nodes": []}}}


@pytest.mark.parametrize(
    "given",
    [
        "query=%ff",
        "query={__typename}&variables={",
        "query={__typename}&variables=1",
        "query={__typename}&variables=[]",
        "query={__typename}&extensions=x",
        "query",
        "query=",
        "nothing=1",
        "variables=" + "[" * 3_000,
        "&&&===",
    ],
)
async def test_a_bad_get_is_400(client: Client, given: str) -> None:
    response = await client.http.get(f"{client.url}?{given}", headers=GET | {"Accept": NEW})
    assert (response.status_code, "code" in response.json()["errors"][0]["extensions"]) == (400, True)


async def test_a_get_does_not_write(client: Client) -> None:
    document = 'mutation { deleteExecution(input: {executionId: "x"}) { __typename } }'
    response = await client.http.get(client.url, params={"query": document}, headers=GET)
    assert (response.status_code, response.headers.get("allow")) == (405, "POST")


@pytest.mark.parametrize(
    "path", ["/graphql/", "/graphql/x", "/graphqlx", "/.env", "/graphql/assets/../app.py"]
)
async def test_other_addresses_are_not_there(client: Client, path: str) -> None:
    url = client.url.removesuffix("/graphql")
    assert (await client.http.post(url + path, json={})).status_code in (404, 405, 307)
