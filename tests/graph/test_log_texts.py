"""Log text is kept whatever it is, in every way in: a bad line never costs the step its outcome."""

import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from db.engine import Database
from db.enums import ExecutionStatus
from graph.http.sockets import PROTOCOL
from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import exec_id, read_steps
from tests.rows import everything
from tests.serving import serving, settings_of

LIMIT = 64 * 2**10
WAYS = ("appendLogs", "commitStep")


def given(mutation: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The input of a mutation that takes log entries."""
    if mutation == "appendLogs":
        return {"entries": entries}
    return {"step": {"key": "a", "output": 1}, "logs": entries}


async def kept(client: Client, execution: str) -> list[dict[str, Any]]:
    """The log as it is read."""
    document = """query ($id: ID!) { execution(id: $id) {
        logs { nodes { message fields truncated originalBytes } }
    } }"""
    found = await client.ask(document, id=execution)
    return list(found["execution"]["logs"]["nodes"])


async def logged(client: Client, make: Factory, mutation: str, entry: dict[str, Any]) -> dict[str, Any]:
    """What becomes of an entry among others."""
    execution = exec_id(await make.execution(status=ExecutionStatus.RUNNING))
    entries = [{"message": "before"}, entry, {"message": "after"}]
    await client.done(mutation, executionId=execution, **given(mutation, entries))
    before, found, after = await kept(client, execution)
    assert (before["message"], after["message"], before["truncated"]) == ("before", "after", False)
    return found


@pytest.mark.parametrize("mutation", WAYS)
@pytest.mark.parametrize("character", ["x", "é", "\U0001f600"])
async def test_a_message_over_the_limit_is_cut_and_says_so(
    client: Client, make: Factory, mutation: str, character: str
) -> None:
    size = LIMIT // len(character.encode()) * len(character.encode()) + len(character.encode())
    found = await logged(client, make, mutation, {"message": character * (size // len(character.encode()))})
    assert (found["truncated"], found["originalBytes"]) == (True, size)
    assert found["message"].endswith(f"{character} … [cut: {size} bytes]")
    assert LIMIT - 4 < len(found["message"].encode()) <= LIMIT


@pytest.mark.parametrize("mutation", WAYS)
async def test_a_message_at_the_limit_is_whole(client: Client, make: Factory, mutation: str) -> None:
    found = await logged(client, make, mutation, {"message": "x" * LIMIT})
    assert found == {"message": "x" * LIMIT, "fields": None, "truncated": False, "originalBytes": None}


async def test_the_limit_is_that_of_the_settings(make: Factory, client: Client, worker_url: str) -> None:
    settings = settings_of(worker_url, max_log_message_bytes=100)
    async with serving(settings) as url:
        found = await logged(Client(url, client.http), make, "commitStep", {"message": "x" * 101})
    assert (len(found["message"].encode()), found["originalBytes"]) == (100, 101)


@pytest.mark.parametrize("mutation", WAYS)
async def test_what_can_not_be_kept_is_replaced(client: Client, make: Factory, mutation: str) -> None:
    entry = {"message": "a NUL \0 from a binary", "fields": {"k\0": ["\0", {"deep": "\0x"}], "n": 1.5}}
    found = await logged(client, make, mutation, entry)
    assert found["message"] == "a NUL \ufffd from a binary"
    assert found["fields"] == {"k\ufffd": ["\ufffd", {"deep": "\ufffdx"}], "n": 1.5}


def mutation_of(name: str) -> str:
    """A document with a mutation and its input as the variable `i`."""
    return f"mutation ($i: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $i) {{ __typename }} }}"


async def send(client: Client, text: str, variables: dict[str, Any], way: str) -> dict[str, Any]:
    """Send a document with variables as JSON that escapes everything, over HTTP or a socket; the answer."""
    body = json.dumps({"query": text, "variables": variables})
    if way == "http":
        headers = {"content-type": "application/json"}
        return dict((await client.http.post(client.url, content=body, headers=headers)).json())
    async with connect(client.url.replace("http", "ws"), subprotocols=[Subprotocol(PROTOCOL)]) as socket:
        await socket.send('{"type": "connection_init"}')
        await socket.recv()
        await socket.send(f'{{"type": "subscribe", "id": "1", "payload": {body}}}')
        message = json.loads(await socket.recv())
    return dict(message["payload"] if message["type"] == "next" else {"errors": message["payload"]})


@pytest.mark.parametrize("way", ["http", "socket"])
@pytest.mark.parametrize("mutation", WAYS)
async def test_halves_of_characters_are_replaced(
    client: Client, make: Factory, mutation: str, way: str
) -> None:
    execution = exec_id(await make.execution(status=ExecutionStatus.RUNNING))
    entry = {"message": "cut \ud83d \U0001f600 \udfff", "fields": {"k\ud800": ["\udc00"]}}
    variables = {"i": {"executionId": execution, **given(mutation, [entry])}}
    answer = await send(client, mutation_of(mutation), variables, way)
    assert "errors" not in answer
    (found,) = await kept(client, execution)
    assert (found["message"], found["fields"]) == ("cut \ufffd \U0001f600 \ufffd", {"k\ufffd": ["\ufffd"]})


HALVES: dict[str, tuple[str, dict[str, Any]]] = {
    "text": ("saveState", {"variables": {"a": ["\ud800"]}}),
    "key": ("saveState", {"variables": {"\ud800": 1}}),
    "id": ("saveState", {"executionId": "\ud800"}),
    "step": ("appendLogs", {"entries": [{"message": "x", "stepKey": "\ud800"}]}),
    "level": ("appendLogs", {"entries": [{"message": "x", "level": "\ud800"}]}),
    "field": ("appendLogs", {"entries": [{"message": "x", "\ud800": 1}]}),
    "idempotency key": ("appendLogs", {"entries": [{"message": "\ud800"}], "idempotencyKey": "\ud800"}),
}


@pytest.mark.parametrize("way", ["http", "socket"])
@pytest.mark.parametrize("name", HALVES)
async def test_halves_of_characters_anywhere_else_are_refused(
    client: Client, database: Database, make: Factory, name: str, way: str
) -> None:
    execution = exec_id(await make.execution(status=ExecutionStatus.RUNNING))
    before = await everything(database)
    mutation, more = HALVES[name]
    answer = await send(client, mutation_of(mutation), {"i": {"executionId": execution, **more}}, way)
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
    assert await everything(database) == before


@pytest.mark.parametrize("way", ["http", "socket"])
async def test_halves_of_characters_in_a_query_are_refused(client: Client, way: str) -> None:
    document = "query ($t: String) { executions(filter: {correlationId: $t}) { nodes { id } } }"
    (error,) = (await send(client, document, {"t": "\ud800"}, way))["errors"]
    assert (error["extensions"]["code"], "`t` holds half" in error["message"]) == ("BAD_USER_INPUT", True)


async def test_a_bad_line_costs_a_step_nothing(client: Client, make: Factory) -> None:
    execution = exec_id(await make.execution(status=ExecutionStatus.RUNNING))
    logs = [{"message": "x" * 200_000 + "\0"}, {"message": "\0" * 70_000}]
    state = {"variablesPatch": {"done": True}}
    answer = await client.done("commitStep", executionId=execution, **given("commitStep", logs), state=state)
    (step,) = await read_steps(client, execution)
    assert (step["output"], answer["state"]["variables"]) == (1, {"done": True})


def nested(levels: int) -> Any:
    """Lists in lists."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("mutation", WAYS)
@pytest.mark.parametrize(
    "entry",
    [
        {"stepKey": "none"},
        {"stepKey": "a\0"},
        {"fields": {"deep": nested(260)}},
        {"fields": {"deep": nested(260), "nul": "\0"}},
        {"fields": {"n": 2**64, "nul": "\0"}},
    ],
    ids=["no step", "key with NUL", "deep", "deep with NUL", "long number with NUL"],
)
async def test_an_entry_that_means_nothing_is_named(
    client: Client, database: Database, make: Factory, mutation: str, entry: dict[str, Any]
) -> None:
    execution = exec_id(await make.execution(status=ExecutionStatus.RUNNING))
    before = await everything(database)
    entries = [{"message": "fine"}, {"message": "x", **entry}]
    answer = await client.write(mutation, executionId=execution, **given(mutation, entries))
    name = "entries[1]" if mutation == "appendLogs" else "logs[1]"
    assert (answer["__typename"] in ("NotFound", "InvalidInput"), name in answer["message"]) == (True, True)
    assert await everything(database) == before


@pytest.mark.parametrize("entry", [{"level": "LOUD"}, {"loggedAt": "yesterday"}, {"message": None}])
async def test_an_entry_of_other_types_is_named(client: Client, make: Factory, entry: dict[str, Any]) -> None:
    document = "mutation ($i: AppendLogsInput!) { appendLogs(input: $i) { __typename } }"
    entries = [{"message": "fine"}, {"message": "x", **entry}]
    given = {"executionId": exec_id(await make.execution()), "entries": entries}
    (error,) = (await client.send(document, i=given))["errors"]
    assert "entries[1]" in error["message"]


async def test_a_cut_message_is_the_same_input_again(client: Client, make: Factory) -> None:
    execution = exec_id(await make.execution())
    entries = [{"message": "x" * 70_000}]
    given = {"executionId": execution, "entries": entries, "idempotencyKey": "once"}
    answers = [await client.done("appendLogs", **given) for _ in range(2)]
    assert (answers[0], len(await kept(client, execution))) == (answers[1], 1)
