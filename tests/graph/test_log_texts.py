"""Log text is kept whatever it is, in every way in: a bad line never costs the step its outcome."""

from typing import Any

import pytest
from pydantic import SecretStr

from db.engine import Database
from db.enums import ExecutionStatus
from graph.settings import Settings
from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import exec_id, read_steps
from tests.rows import everything
from tests.serving import serving

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
    settings = Settings(database_url=SecretStr(worker_url), pool_size=1, max_log_message_bytes=100)
    async with serving(settings) as url:
        found = await logged(Client(url, client.http), make, "commitStep", {"message": "x" * 101})
    assert (len(found["message"].encode()), found["originalBytes"]) == (100, 101)


@pytest.mark.parametrize("mutation", WAYS)
async def test_what_can_not_be_kept_is_replaced(client: Client, make: Factory, mutation: str) -> None:
    entry = {"message": "a NUL \0 from a binary", "fields": {"k\0": ["\0", {"deep": "\0x"}], "n": 1.5}}
    found = await logged(client, make, mutation, entry)
    assert found["message"] == "a NUL \ufffd from a binary"
    assert found["fields"] == {"k\ufffd": ["\ufffd", {"deep": "\ufffdx"}], "n": 1.5}


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
