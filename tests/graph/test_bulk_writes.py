"""Many writes in one call: each is answered for itself, in order, as by the mutation of one."""

from typing import Any

import pytest

from db.writes.writer import MOST_BYTES
from graph.ids import Kind, encode
from tests.client import Client
from tests.conftest import Statements
from tests.factories import Factory

ERRORS = "... on Error { code }"
COMMITS = f"""mutation ($commits: [CommitStepInput!]!) {{ commitSteps(input: {{commits: $commits}}) {{
  results {{ {ERRORS}
    ... on CommitStepPayload {{ step {{ id key }} state {{ version }} checkpoint {{ id }} }} }} }} }}"""
SAVES = f"""mutation ($saves: [SaveStateInput!]!) {{ saveStates(input: {{saves: $saves}}) {{ results {{
  ... on SaveStatePayload {{ state {{ version }} }} {ERRORS} }} }} }}"""
BEATS = f"""mutation ($beats: [LeaseInput!]!) {{ heartbeats(input: {{heartbeats: $beats}}) {{ results {{
  ... on LeasePayload {{ execution {{ id }} }} {ERRORS} }} }} }}"""


def committed(execution: str, key: str, **more: Any) -> dict[str, Any]:
    """A commit that completes a step."""
    return {"executionId": execution, "step": {"key": key, "status": "COMPLETED"}, **more}


async def ids(make: Factory, number: int) -> list[str]:
    """Executions to write to."""
    return [encode(Kind.EXECUTION, key) for key in await make.executions(number)]


async def test_commits_to_one_execution_are_made_in_their_order(client: Client, make: Factory) -> None:
    (execution,) = await ids(make, 1)
    commits = [
        committed(execution, f"s{at}", state={"variablesPatch": {"n": at}}, checkpoint={}) for at in range(5)
    ]
    results = (await client.ask(COMMITS, commits=commits))["commitSteps"]["results"]
    assert [(one["step"]["key"], one["state"]["version"]) for one in results] == [
        (f"s{at}", at + 1) for at in range(5)
    ]


async def test_a_bad_commit_hurts_no_other(client: Client, make: Factory) -> None:
    executions = await ids(make, 3)
    commits = [committed(execution, "s") for execution in executions]
    commits[1]["step"]["error"] = {"message": "goes with no COMPLETED"}
    results = (await client.ask(COMMITS, commits=commits))["commitSteps"]["results"]
    assert [one.get("code") for one in results] == [None, "BAD_USER_INPUT", None]


async def test_what_is_refused_by_the_database_is_answered_in_its_place(
    client: Client, make: Factory
) -> None:
    (execution,) = await ids(make, 1)
    nowhere = f"exec_{'0' * 31}7"
    saves: list[dict[str, Any]] = [
        {"executionId": one, "variablesPatch": {"a": 1}} for one in (execution, nowhere, execution)
    ]
    saves[2]["expectedVersion"] = 7
    results = (await client.ask(SAVES, saves=saves))["saveStates"]["results"]
    assert results == [{"state": {"version": 1}}, {"code": "NOT_FOUND"}, {"code": "VERSION_CONFLICT"}]


async def test_an_item_with_a_key_is_the_single_mutation_repeated(client: Client, make: Factory) -> None:
    (execution,) = await ids(make, 1)
    commit = committed(execution, "s", idempotencyKey="once")
    first = await client.done("commitStep", **commit)
    (again,) = (await client.ask(COMMITS, commits=[commit]))["commitSteps"]["results"]
    assert again["step"]["id"] == first["step"]["id"]


@pytest.mark.parametrize("number", [2, 200])
async def test_many_heartbeats_are_one_statement(
    client: Client, make: Factory, statements: Statements, number: int
) -> None:
    executions = await ids(make, number)
    beats = [{"executionId": one, "holder": "engine"} for one in executions]
    for execution in executions:
        await client.done("acquireLease", executionId=execution, holder="engine")
    await statements.clear()
    results = (await client.ask(BEATS, beats=beats))["heartbeats"]["results"]
    assert [one["execution"]["id"] for one in results] == executions
    assert [text.split()[0].rstrip(";") for text in statements.seen] == ["WITH"]


@pytest.mark.parametrize(("length", "statements_made"), [(10, 1), (MOST_BYTES, 3)])
async def test_saves_are_made_together_unless_they_are_large(
    client: Client, make: Factory, statements: Statements, length: int, statements_made: int
) -> None:
    executions = await ids(make, 3)
    await client.ask(SAVES, saves=[{"executionId": one, "variablesPatch": {"n": 0}} for one in executions])
    await statements.clear()
    saves = [{"executionId": one, "variablesPatch": {"n": "x" * length}} for one in executions]
    results = (await client.ask(SAVES, saves=saves))["saveStates"]["results"]
    assert [one["state"]["version"] for one in results] == [2] * 3
    assert [text.split()[0].rstrip(";") for text in statements.seen] == ["WITH"] * statements_made
