"""graphql-transport-ws by an independent client: what it promises, and every way to break its rules."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from db.engine import Database
from db.enums import Scope
from db.writes.tokens import revoke_token
from db.writes.write import Write
from graph.auth import tokens
from graph.auth.tokens import parse
from graph.http import sockets
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.http.conftest import Enter, Serve

PROTOCOL = "graphql-transport-ws"
INIT: dict[str, Any] = {"type": "connection_init"}
ASK = {"query": "{ __typename }"}


def subscribe(id: object = "1", payload: object = ASK) -> dict[str, Any]:
    """The message that starts an operation."""
    return {"type": "subscribe", "id": id, "payload": payload}


@asynccontextmanager
async def opened(client: Client, *protocols: str) -> AsyncIterator[ClientConnection]:
    """A socket on which nothing was said yet."""
    names = [Subprotocol(name) for name in protocols or (PROTOCOL,)]
    async with connect(
        client.url.replace("http://", "ws://"), subprotocols=names, compression=None
    ) as socket:
        yield socket


async def say(socket: ClientConnection, *messages: object) -> None:
    """Send messages: what is no text yet as JSON."""
    for message in messages:
        await socket.send(message if isinstance(message, str | bytes) else orjson.dumps(message).decode())


async def hear(socket: ClientConnection) -> Any:
    """The next message, which must be text."""
    message = await socket.recv()
    assert isinstance(message, str)
    return orjson.loads(message)


async def closed(socket: ClientConnection) -> int:
    """The code by which the server closes, after whatever it says before."""
    with suppress(ConnectionClosed):
        while True:
            await socket.recv()
    assert socket.close_code is not None
    return socket.close_code


@asynccontextmanager
async def ready(client: Client, token: str | None = None) -> AsyncIterator[ClientConnection]:
    """A socket that was let in."""
    async with opened(client) as socket:
        await say(socket, INIT if token is None else INIT | {"payload": {"Authorization": f"Bearer {token}"}})
        assert await hear(socket) == {"type": "connection_ack"}
        yield socket


async def test_a_query_is_answered(client: Client) -> None:
    async with ready(client) as socket:
        await say(socket, subscribe())
        assert [await hear(socket), await hear(socket)] == [
            {"id": "1", "type": "next", "payload": {"data": {"__typename": "Query"}}},
            {"id": "1", "type": "complete"},
        ]


async def test_a_mutation_is_answered(client: Client, make: Factory) -> None:
    key = encode(Kind.WORKFLOW, await make.workflow())
    query = "mutation ($input: CreateExecutionInput!) { createExecution(input: $input) { __typename } }"
    async with ready(client) as socket:
        await say(socket, subscribe(payload={"query": query, "variables": {"input": {"workflowId": key}}}))
        answer = (await hear(socket))["payload"]
    assert answer == {"data": {"createExecution": {"__typename": "ExecutionPayload"}}}


async def test_an_id_may_be_used_again(client: Client) -> None:
    async with ready(client) as socket:
        for _ in range(3):
            await say(socket, subscribe())
            assert [(await hear(socket))["type"] for _ in range(2)] == ["next", "complete"]


async def test_a_ping_is_answered(client: Client) -> None:
    async with ready(client) as socket:
        await say(socket, {"type": "pong"}, {"type": "ping", "payload": {"a": 1}})
        assert await hear(socket) == {"type": "pong", "payload": {"a": 1}}


REFUSED = {
    "no document": ({}, "BAD_USER_INPUT"),
    "wrong type": ({"query": 1}, "BAD_USER_INPUT"),
    "does not parse": ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
    "not valid": ({"query": "{ nope }"}, "GRAPHQL_VALIDATION_FAILED"),
    "variables": ({"query": "{ __typename }", "variables": []}, "BAD_USER_INPUT"),
    "too complex": ({"query": "{ __typename " * 1_000}, "TOO_COMPLEX"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_is_an_error_message(client: Client, name: str) -> None:
    payload, code = REFUSED[name]
    async with ready(client) as socket:
        await say(socket, subscribe(payload=payload))
        message = await hear(socket)
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", code)


BROKEN: dict[str, tuple[list[object], int]] = {
    "no init": ([subscribe()], 4401),
    "init twice": ([INIT, INIT], 4429),
    "init with a list": ([INIT | {"payload": []}], 4400),
    "an empty list": ([INIT, "[]"], 4400),
    "a number": ([INIT, "1"], 4400),
    "null": ([INIT, "null"], 4400),
    "text": ([INIT, '"x"'], 4400),
    "nothing": ([INIT, ""], 4400),
    "garbage": ([INIT, "x" * 100], 4400),
    "deep": ([INIT, "[" * 3_000], 4400),
    "binary": ([INIT, b"{}"], 4400),
    "a list before init": (["[]"], 4400),
    "binary before init": ([b"\x00"], 4400),
    "no type": ([INIT, {}], 4400),
    "type is a number": ([INIT, {"type": 1}], 4400),
    "unknown type": ([INIT, {"type": "start", "id": "1", "payload": ASK}], 4400),
    "a server's type": ([INIT, {"type": "next", "id": "1"}], 4400),
    "no id": ([INIT, {"type": "subscribe", "payload": ASK}], 4400),
    "id is a number": ([INIT, subscribe(1)], 4400),
    "id is empty": ([INIT, subscribe("")], 4400),
    "payload is text": ([INIT, subscribe(payload="x")], 4400),
    "payload is missing": ([INIT, {"type": "subscribe", "id": "1"}], 4400),
    "complete without id": ([INIT, {"type": "complete"}, "[]"], 4400),
    "complete of nothing": ([INIT, {"type": "complete", "id": "9"}, "[]"], 4400),
    "complete with a list": ([INIT, {"type": "complete", "id": []}, "[]"], 4400),
    "the same id twice": ([INIT, subscribe(), subscribe()], 4409),
    "a long reason": ([INIT, {"type": "ä" * 1_000}], 4400),
    "too large": ([INIT, "x" * (2**20 + 1)], 1009),
    "a wrong token": ([INIT | {"payload": {"Authorization": "Bearer x"}}], 4403),
    "a wrong token among headers": ([INIT | {"payload": {"headers": {"authorization": "x"}}}], 4403),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_rule_closes_with_its_code(client: Client, name: str) -> None:
    messages, code = BROKEN[name]
    async with opened(client) as socket:
        await say(socket, *messages)
        assert await closed(socket) == code


async def test_silence_is_closed(serve: Serve) -> None:
    async with opened(await serve(socket_init_timeout=0.1)) as socket:
        assert await closed(socket) == 4408


async def test_pings_are_no_init(serve: Serve) -> None:
    async with opened(await serve(socket_init_timeout=0.1)) as socket:
        await say(socket, {"type": "ping"})
        assert await closed(socket) == 4408


@pytest.mark.parametrize("name", ["graphql-ws", "other"])
async def test_another_protocol_is_refused(client: Client, name: str) -> None:
    async with opened(client, name) as socket:
        assert (socket.subprotocol, await closed(socket)) == (None, 4406)


async def test_who_does_not_say_who_they_are_is_not_let_in(serve: Serve) -> None:
    async with opened(await serve(auth="required")) as socket:
        await say(socket, INIT)
        assert await closed(socket) == 4403


async def test_a_token_lets_in_and_its_scopes_hold(enter: Enter, make: Factory) -> None:
    client, token = await enter(Scope.READ), await make.token(scopes=[Scope.READ])
    async with ready(client, token) as socket:
        await say(socket, subscribe(payload={"query": "{ tokens { nodes { id } } }"}))
        assert (await hear(socket))["payload"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps come often, and nothing is remembered."""
    monkeypatch.setattr(sockets, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(tokens, "REMEMBERED_SECONDS", 0.0)


@pytest.mark.usefixtures("quick")
async def test_a_revoked_token_closes(serve_anew: Serve, make: Factory, database: Database) -> None:
    token = await make.token()
    async with ready(await serve_anew(), token) as socket:
        await revoke_token(database, Write("test", b""), parse(token)[0])
        assert await closed(socket) == 4403
