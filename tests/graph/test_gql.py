"""`gql`, the Python client: over HTTP, and over a socket that says who it is when it opens."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from gql import Client, GraphQLRequest, gql
from gql.client import AsyncClientSession
from gql.transport.exceptions import TransportError, TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

from db.enums import Scope
from tests.factories import Factory
from tests.serving import serving, settings_of

CREATE = GraphQLRequest(
    """
    mutation ($input: CreateWorkflowInput!) {
      createWorkflow(input: $input) { ... on WorkflowPayload { workflow { name } } ... on Error { code } }
    }
    """,
    variable_values={"input": {"name": "nightly", "version": "1", "definition": {}}},
)
READ = gql("{ workflows { nodes { name createdBy } } }")


@pytest_asyncio.fixture
async def guarded_url(worker_url: str) -> AsyncIterator[str]:
    """An application that wants to know who calls."""
    async with serving(settings_of(worker_url, auth="required")) as url:
        yield url


@pytest_asyncio.fixture(params=["http", "socket"])
async def session(
    request: pytest.FixtureRequest, guarded_url: str, make: Factory
) -> AsyncIterator[AsyncClientSession]:
    """A session of gql with a token that may read and write."""
    token = await make.token(name="engine", scopes=[Scope.READ, Scope.WRITE])
    async with Client(transport=transport(request.param, guarded_url, token)) as session:
        yield session


def transport(way: str, url: str, token: str) -> HTTPXAsyncTransport | WebsocketsTransport:
    """One of gql's transports, each with the token where it belongs."""
    said = {"Authorization": f"Bearer {token}"}
    if way == "http":
        return HTTPXAsyncTransport(url=url, headers=said, verify=False)
    return WebsocketsTransport(url=url.replace("http", "ws"), init_payload=said)


async def test_gql_writes_and_reads(session: AsyncClientSession) -> None:
    created = await session.execute(CREATE)
    refused = await session.execute(CREATE)
    assert created == {"createWorkflow": {"workflow": {"name": "nightly"}}}
    assert refused == {"createWorkflow": {"code": "ALREADY_EXISTS"}}
    assert await session.execute(READ) == {
        "workflows": {"nodes": [{"name": "nightly", "createdBy": "engine"}]}
    }


async def test_gql_raises_what_the_service_refuses(session: AsyncClientSession) -> None:
    with pytest.raises(TransportQueryError) as refused:
        await session.execute(gql("{ nothing }"))
    assert refused.value.errors is not None
    assert refused.value.errors[0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize("way", ["http", "socket"])
async def test_gql_is_turned_away_with_a_wrong_token(way: str, guarded_url: str, make: Factory) -> None:
    client = Client(transport=transport(way, guarded_url, "nobody's"))
    with pytest.raises(TransportError) as refused:
        async with client as session:
            await session.execute(READ)
    assert "token" in f"{refused.value} {refused.value.__cause__}"
