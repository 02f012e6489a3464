"""Requests end: at their deadline, and reads when nobody waits for them any more. Connections come back."""

import asyncio
import json
from typing import Any

import pytest

from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.http.conftest import Serve
from tests.http.locks import Lock
from tests.http.raw import connect, head
from tests.patience import PATIENCE

READ = {"query": "{ executions { nodes { id } } }"}
OTHER = {"query": "{ workflows { nodes { id } } }"}  # of another table
QUICK = {"request_timeout": 1.0}


async def creating(make: Factory) -> dict[str, Any]:
    """A request that creates an execution."""
    document = "mutation ($input: CreateExecutionInput!) { createExecution(input: $input) { __typename } }"
    key = encode(Kind.WORKFLOW, await make.workflow())
    return {"query": document, "variables": {"input": {"workflowId": key}}}


async def ask(client: Client, body: dict[str, Any]) -> Any:
    """The code of the first error, or the data."""
    answer = (await client.http.post(client.url, json=body)).json()
    return answer["errors"][0]["extensions"]["code"] if "errors" in answer else answer["data"]


async def created(client: Client) -> int:
    """How many executions there are, once there are any."""
    async with asyncio.timeout(PATIENCE):
        while not (found := (await ask(client, READ))["executions"]["nodes"]):  # noqa: ASYNC110 - an answer
            await asyncio.sleep(0.05)
    return len(found)


async def test_a_query_over_its_deadline_is_stopped(serve: Serve, table_lock: Lock) -> None:
    client = await serve(**QUICK)
    async with table_lock("executions") as lock:
        assert (await ask(client, READ), await lock.awaited(0)) == ("TIMEOUT", True)


async def test_a_mutation_is_answered_too_and_what_has_begun_is_carried_through(
    serve: Serve, table_lock: Lock, make: Factory
) -> None:
    client, body = await serve(**QUICK), await creating(make)
    async with table_lock("executions"):
        assert await ask(client, body) == "TIMEOUT"
    assert await created(client) == 1


async def test_the_status_says_so(serve: Serve, table_lock: Lock, strict: dict[str, str]) -> None:
    client = await serve(**QUICK)
    async with table_lock("executions"):
        assert (await client.http.post(client.url, json=READ, headers=strict)).status_code == 504


async def test_the_only_connection_comes_back(serve: Serve, table_lock: Lock) -> None:
    client = await serve(**QUICK)
    async with table_lock("executions"):
        await asyncio.gather(*(ask(client, READ) for _ in range(3)))
        assert await ask(client, OTHER) == {"workflows": {"nodes": []}}
    assert await ask(client, READ) == {"executions": {"nodes": []}}


async def gone(client: Client, body: bytes, lock: Any) -> None:
    """A client that asks, and leaves once its statement waits."""
    _, writer = await connect(client.url)
    writer.write(head(client.url, content_length=str(len(body))) + body)
    assert await lock.awaited(1)
    writer.close()


async def test_a_client_that_goes_away_stops_its_query(serve: Serve, table_lock: Lock) -> None:
    client = await serve()
    async with table_lock("executions") as lock:
        await gone(client, b'{"query": "{ executions { nodes { id } } }"}', lock)
        assert await lock.awaited(0)


async def test_the_connection_of_a_client_that_went_away_comes_back(
    serve: Serve, table_lock: Lock, caplog: pytest.LogCaptureFixture
) -> None:
    client = await serve()
    async with table_lock("executions") as lock:
        await gone(client, b'{"query": "{ executions { nodes { id } } }"}', lock)
        assert await ask(client, OTHER) == {"workflows": {"nodes": []}}
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


async def test_a_mutation_is_carried_through(serve: Serve, table_lock: Lock, make: Factory) -> None:
    client = await serve()
    key = encode(Kind.WORKFLOW, await make.workflow())
    body = {"query": f'mutation {{ createExecution(input: {{workflowId: "{key}"}}) {{ __typename }} }}'}
    async with table_lock("executions") as lock:
        await gone(client, json.dumps(body).encode(), lock)
        await asyncio.sleep(0.3)
        assert await lock.awaited(1)
    assert await created(client) == 1


async def test_the_server_bounds_what_would_be_left_behind(
    serve: Serve, table_lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await serve(request_timeout=7)
    shown: list[str] = []

    async def look(database: Any) -> Any:
        async with database.reading() as connection:
            shown.append(await connection.fetchval("SHOW statement_timeout"))
        raise RuntimeError

    monkeypatch.setattr("graph.api.health.types.look", look)
    await ask(client, {"query": "{ health { database { version } } }"})
    assert set(shown) == {"12s"}
