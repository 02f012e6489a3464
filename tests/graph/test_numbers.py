"""Numbers come back as they went in, through every way in, and what was read can be saved again."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from db.enums import StateOp
from graph.ids import Kind, encode
from graph.numbers import whole_number
from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import exec_id, read_execution, read_logs, read_state, read_variables
from tests.sizes import examples

AWKWARD = [
    *(
        0,
        0.0,
        -0.0,
        1,
        1.0,
        -1.0,
        1e15,
        1e16,
        1e20,
        -1e21,
        6.02214076e23,
        1.7976931348623157e308,
        5e-324,
        1e-7,
    ),
    *(2**63, 2**64 - 1, -(2**63), 2**53 + 1, 1e22, 1e23, 123456789012345680000.0, 0.1 + 0.2, 2.0**64),
]
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
ONCE = settings(max_examples=examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(value: Any) -> str:
    """A value as text in which 1, 1.0, -0.0 and true differ."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def literal(value: Any) -> str:
    """A value as a literal of GraphQL, whose names have no quotes."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {literal(part)}' for name, part in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return json.dumps(value)


@pytest.mark.parametrize(
    ("digits", "number"),
    [
        ("100000000000000000000", 1e20),
        ("18446744073709552000", 2.0**64),
        ("602214076000000000000000", 6.02214076e23),
        ("-1000000000000000000000", -1e21),
        (f"17976931348623157{'0' * 292}", 1.7976931348623157e308),
        ("-0", -0.0),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2**64),
        ("100000000000000000001", 10**20 + 1),
        ("-9223372036854775808", -(2**63)),
        ("-9223372036854775809", -(2**63) - 1),
        ("9" * 400, int("9" * 400)),
    ],
    ids=lambda value: str(value)[:24],
)
def test_digits_that_are_exactly_a_double_are_that_double(digits: str, number: float) -> None:
    assert repr(whole_number(digits)) == repr(number)


@given(number=st.floats(min_value=2.0**64, allow_infinity=False))
def test_every_double_that_was_written_out_in_digits_is_read_back(number: float) -> None:
    digits = orjson.dumps(number).decode()
    significant, exponent = digits.split("e")
    whole, _, fraction = significant.partition(".")
    assert whole_number(whole + fraction + "0" * (int(exponent) - len(fraction))) == number


async def save_text(client: Client, execution: str, variables: str) -> None:
    """Save variables from the text that another writer of JSON made."""
    save = "saveState(input: {executionId: $e, variables: $v}) { __typename }"
    query = f"mutation ($e: ID!, $v: JSONObject) {{ {save} }}"
    body = f'{{"query": "{query}", "variables": {{"e": "{execution}", "v": {variables}}}}}'
    await client.http.post(client.url, content=body, headers={"content-type": "application/json"})


async def through_variables(client: Client, execution: str, value: Any) -> list[Any]:
    """What a full set, and the same set in a literal, give back."""
    saved = await client.done("saveState", executionId=execution, variables={"v": value})
    save = f'saveState(input: {{executionId: "{execution}", variables: {{v: {literal(value)}}}}})'
    await client.ask(f"mutation {{ {save} {{ __typename }} }}")
    return [saved["state"]["variables"]["v"], (await read_variables(client, execution))["v"]]


async def through_a_patch(client: Client, execution: str, value: Any) -> list[Any]:
    """What a merge patch gives back, beside what it leaves alone."""
    await client.done("saveState", executionId=execution, variables={"v": {"there": value}})
    saved = await client.done("saveState", executionId=execution, variablesPatch={"v": {"new": value}})
    return list(saved["state"]["variables"]["v"].values())


async def through_appends(client: Client, execution: str, value: Any) -> list[Any]:
    """What a list and what is appended to it give back, and the history of both."""
    await client.done("saveState", executionId=execution, variables={"v": [value]})
    await client.done("saveState", executionId=execution, variablesAppend={"v": [value]})
    query = """query ($id: ID!) { execution(id: $id) { state { variable(key: "v") {
        value history(last: 2) { nodes { value } } } } } }"""
    found = (await client.ask(query, id=execution))["execution"]["state"]["variable"]
    return [*found["value"], *(change["value"][0] for change in found["history"]["nodes"])]


async def through_parallel_groups(client: Client, execution: str, value: Any) -> list[Any]:
    """What the state's own field gives back, as head and as an older version."""
    state = (await client.done("saveState", executionId=execution, parallelGroups=value))["state"]
    await client.done("saveState", executionId=execution, parallelGroups=None)
    older = await read_state(client, execution, state["version"])
    return [state["parallelGroups"], older["parallelGroups"]]


async def through_a_commit(client: Client, execution: str, value: Any) -> list[Any]:
    """What a step's whole outcome gives back."""
    done = await client.done(
        "commitStep",
        executionId=execution,
        step={"key": f"s{hash(written(value))}", "input": value, "output": value, "metrics": {"v": value}},
        checkpoint={"data": value},
        logs=[{"message": "m", "fields": {"v": value}}],
    )
    step = done["step"]
    (entry,) = (await read_logs(client, execution))[-1:]
    return [
        *(step["input"], step["output"], step["metrics"]["v"]),
        *(done["checkpoint"]["data"], entry["fields"]["v"]),
    ]


async def through_creation(client: Client, execution: str, value: Any) -> list[Any]:
    """What a workflow and an execution give back, a fork of it too."""
    given = {"name": "numbers", "version": str(hash(written(value))), "definition": {"v": value}}
    workflow = (await client.done("createWorkflow", **given))["workflow"]
    given = {"input": value, "variables": {"v": value}, "attributes": {"v": value}}
    made = (await client.done("createExecution", workflowId=workflow["id"], **given))["execution"]["id"]
    checkpoint = (await client.done("createCheckpoint", executionId=made))["checkpoint"]["id"]
    fork = (await client.done("forkExecution", checkpointId=checkpoint))["execution"]["id"]
    found = [await read_execution(client, key) for key in (made, fork)]
    states = [(await read_variables(client, key))["v"] for key in (made, fork)]
    kept = [part for read in found for part in (read["input"], read["attributes"]["v"])]
    return [workflow["definition"]["v"], *kept, *states]


WAYS = [
    *(through_variables, through_a_patch, through_appends, through_parallel_groups),
    *(through_a_commit, through_creation),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@ONCE
@given(numbers=st.lists(NUMBERS, min_size=1, max_size=40))
@example(numbers=AWKWARD)
async def test_numbers_come_back_as_they_went_in(
    client: Client, make: Factory, way: Callable[..., Awaitable[list[Any]]], numbers: list[float]
) -> None:
    execution = exec_id(await make.execution(status="RUNNING"))
    read = await way(client, execution, numbers)
    assert {written(value) for value in read} == {written(numbers)}


@pytest.mark.parametrize("number", AWKWARD, ids=repr)
async def test_an_attribute_is_found_by_its_number(client: Client, make: Factory, number: float) -> None:
    workflow = encode(Kind.WORKFLOW, await make.workflow())
    await client.done("createExecution", workflowId=workflow, attributes={"v": number})
    query = "query ($f: ExecutionFilter) { executions(filter: $f) { nodes { attributes } } }"
    found = (await client.ask(query, f={"attributes": {"v": number}}))["executions"]["nodes"]
    assert [written(node["attributes"]) for node in found] == [written({"v": number})]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("100000000000000000000", "1e+20"),
        ("18446744073709552000", "1.8446744073709552e+19"),
        ("-0", "-0.0"),
        ("1.50", "1.5"),
        ("1E5", "100000.0"),
    ],
)
async def test_what_other_writers_of_json_make_of_a_double_is_that_double(
    client: Client, make: Factory, sent: str, read: str
) -> None:
    execution = exec_id(await make.execution())
    await save_text(client, execution, f'{{"v": {sent} }}')
    assert written(await read_variables(client, execution)) == f'{{"v":{read}}}'


@pytest.mark.parametrize(
    "number", ["1e400", "-1e400", "18446744073709551617", "9" * 400, "9" * 5000], ids=len
)
@pytest.mark.parametrize(
    "write",
    [
        "saveState(input: {executionId: $e, variables: $v})",
        "appendLogs(input: {executionId: $e, entries: [$l]})",
    ],
    ids=lambda write: write[:10],
)
async def test_a_number_that_is_neither_is_refused(
    client: Client, make: Factory, number: str, write: str
) -> None:
    name, value = json.dumps(exec_id(await make.execution())), f"{{v: {number}}}"
    for variable, text in {"$e": name, "$v": value, "$l": f'{{message: "m", fields: {value}}}'}.items():
        write = write.replace(variable, text)
    answer = await client.ask(f"mutation {{ write: {write} {{ __typename ... on Error {{ message }} }} }}")
    assert re.search("64-bit|infinite or none", answer["write"]["message"])


async def test_what_jsonb_made_of_numbers_can_be_saved_again(client: Client, make: Factory) -> None:
    old, new = await make.executions(2)
    await make.state(old, {"v": (StateOp.SET, AWKWARD)})  # as rows were before their form was kept
    await save_text(client, exec_id(new), json.dumps(await read_variables(client, old)))
    assert (await read_variables(client, new))["v"] == AWKWARD
