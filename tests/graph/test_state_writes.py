"""State: set whole, patched and appended to, under versions that all read back exactly."""

import json
from typing import Any

import pytest

from db.engine import Database
from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import exec_id, read_events, read_state, read_variables
from tests.rows import everything, rows

FIELDS = ("currentStep", "completedSteps", "failedSteps", "skippedSteps", "parallelGroups")
EMPTY: dict[str, Any] = {
    "currentStep": None,
    "completedSteps": [],
    "failedSteps": [],
    "skippedSteps": [],
    "parallelGroups": None,
}
ANYTHING: dict[str, Any] = {
    "null": None,
    "true": True,
    "zero": 0,
    "float": 1.5,
    "small": 1e-7,
    "large": 2**63 - 1,
    "text": 'é"\\/\n\t\U0001f600',
    "empty text": "",
    "list": [1, [2, []], {}, None],
    "empty list": [],
    "object": {"a": {"b": [None, {"c": False}]}, "": 0},
    "empty object": {},
}


def exactly(value: Any) -> str:
    """A value as text in which 1, 1.0 and true differ; the order of keys is not kept."""
    return json.dumps(value, sort_keys=True)


async def save(client: Client, execution: Any, **given: Any) -> dict[str, Any]:
    """The state that a save answers."""
    state: dict[str, Any] = (await client.done("saveState", executionId=exec_id(execution), **given))["state"]
    return state


async def test_a_full_set_reads_back_exactly(client: Client, make: Factory) -> None:
    execution = await make.execution()
    await save(client, execution, variables=ANYTHING)
    assert exactly(await read_variables(client, execution)) == exactly(ANYTHING)


@pytest.mark.parametrize(
    ("there", "given"),
    [
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1}, {}),
        ({}, {}),
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": False}),
        ({"a": None}, {}),
        ({}, {"a": None}),
        ({"a": [1]}, {"a": [1, 2]}),
        ({"a": {"x": 1}}, {"a": {"x": 1, "y": None}}),
        ({"a": "1"}, {"a": 1}),
    ],
    ids=repr,
)
async def test_a_full_set_is_all_that_is_there_then(
    client: Client, make: Factory, there: dict[str, Any], given: dict[str, Any]
) -> None:
    execution = await make.execution()
    await save(client, execution, variables=there)
    assert exactly((await save(client, execution, variables=given))["variables"]) == exactly(given)


@pytest.mark.parametrize(
    ("there", "patch", "then"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": None}, {}),
        ({"a": 1}, {"b": None}, {"a": 1}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": None, "z": 3}}, {"a": {"x": 1, "z": 3}}),
        ({"a": {"x": {"y": 1}}}, {"a": {"x": {"y": {"z": 1}}}}, {"a": {"x": {"y": {"z": 1}}}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": [1]}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": 1}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
        ({}, {"a": {"b": None}}, {"a": {}}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}),
        ({"a": None}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": 1}, {"a": [None, {"b": None}]}, {"a": [None, {"b": None}]}),
        ({"a": 1}, {}, {"a": 1}),
    ],
    ids=repr,
)
async def test_a_patch_merges_as_rfc_7396_says(
    client: Client, make: Factory, there: dict[str, Any], patch: dict[str, Any], then: dict[str, Any]
) -> None:
    execution = await make.execution()
    await save(client, execution, variables=there)
    assert (await save(client, execution, variablesPatch=patch))["variables"] == then


@pytest.mark.parametrize(
    ("there", "appends", "then"),
    [
        ({"a": [1]}, {"a": [2, 3]}, {"a": [1, 2, 3]}),
        ({"a": []}, {"a": [1]}, {"a": [1]}),
        ({}, {"a": [1]}, {"a": [1]}),
        ({"a": [1]}, {"a": []}, {"a": [1]}),
        ({"a": [1], "b": []}, {"a": [[2]], "b": [{}]}, {"a": [1, [2]], "b": [{}]}),
        ({"a": [1]}, {"a": [None, ", ]", "é"]}, {"a": [1, None, ", ]", "é"]}),
    ],
    ids=repr,
)
async def test_items_are_appended_to_lists(
    client: Client, make: Factory, there: dict[str, Any], appends: dict[str, Any], then: dict[str, Any]
) -> None:
    execution = await make.execution()
    await save(client, execution, variables=there)
    assert (await save(client, execution, variablesAppend=appends))["variables"] == then


async def test_a_list_grows_shrinks_goes_and_comes_again(client: Client, make: Factory) -> None:
    execution = await make.execution()
    saves: list[tuple[dict[str, Any], Any]] = [
        ({"variables": {"a": [1]}}, [1]),
        ({"variablesAppend": {"a": [2]}}, [1, 2]),
        ({"variablesAppend": {"a": [3]}}, [1, 2, 3]),
        ({"variablesPatch": {"a": [9]}}, [9]),
        ({"variablesAppend": {"a": [8]}}, [9, 8]),
        ({"variablesPatch": {"a": None}}, None),
        ({"variablesAppend": {"a": [7]}}, [7]),
        ({"variables": {"a": [7]}}, [7]),
        ({"variables": {}}, None),
    ]
    for given, _ in saves:
        await save(client, execution, **given)
    at = [(await read_variables(client, execution, version)).get("a") for version in range(1, len(saves) + 1)]
    assert at == [then for _, then in saves]


@pytest.mark.parametrize("value", [1, "x", {"a": []}, None, True], ids=repr)
async def test_nothing_is_appended_to_what_is_no_list(
    client: Client, database: Database, make: Factory, value: Any
) -> None:
    execution = await make.execution()
    await save(client, execution, variables={"a": value})
    before = await everything(database)
    answer = await client.write(
        "saveState", executionId=exec_id(execution), variablesAppend={"a": [1], "b": [1]}
    )
    assert (answer["__typename"], await everything(database) == before) == ("InvalidInput", True)


@pytest.mark.parametrize(
    "given",
    [
        {"variables": {}, "variablesPatch": {}},
        {"variables": {}, "variablesAppend": {}},
        {"variablesPatch": {"a": 1}, "variablesAppend": {"a": [1]}},
        {"variablesAppend": {"a": 1}},
        {"variablesAppend": {"a": {"b": []}}},
        {"variables": {"": 1}},
        {"variablesPatch": {"": 1}},
        {"variablesAppend": {"": [1]}},
        {"variables": {"x" * 501: 1}},
        {"variablesPatch": {"x" * 501: 1}},
    ],
    ids=lambda given: str(given)[:60],
)
async def test_what_can_not_be_meant_is_refused(
    client: Client, database: Database, make: Factory, given: dict[str, Any]
) -> None:
    execution = exec_id(await make.execution())
    before = await everything(database)
    answer = await client.write("saveState", executionId=execution, **given)
    assert (answer["__typename"], await everything(database) == before) == ("InvalidInput", True)


@pytest.mark.parametrize("longest", ["é" * 500, "\U0001f600" * 500, "with.dots[0] and spaces"])
async def test_a_variable_can_have_any_name(client: Client, make: Factory, longest: str) -> None:
    execution = await make.execution()
    assert (await save(client, execution, variables={longest: 1}))["variables"] == {longest: 1}


async def test_a_patch_and_appends_go_together(client: Client, make: Factory) -> None:
    execution = await make.execution()
    state = await save(client, execution, variablesPatch={"a": 1}, variablesAppend={"b": [1]})
    assert (state["version"], state["variables"]) == (1, {"a": 1, "b": [1]})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("currentStep", "b"),
        ("currentStep", None),
        ("completedSteps", ["a", "b"]),
        ("completedSteps", ["b"]),
        ("completedSteps", []),
        ("failedSteps", ["c", "c"]),
        ("skippedSteps", ["d"]),
        ("parallelGroups", {"g": ["a", "b"]}),
        ("parallelGroups", [1, None]),
        ("parallelGroups", "text"),
        ("parallelGroups", 0),
        ("parallelGroups", None),
    ],
    ids=repr,
)
async def test_a_field_is_replaced_and_the_others_stay(
    client: Client, make: Factory, field: str, value: Any
) -> None:
    execution = await make.execution()
    there = {"currentStep": "a", "completedSteps": ["a"], "parallelGroups": {"g": [1]}}
    before = await save(client, execution, variables={"n": 1}, **there)
    after = await save(client, execution, **{field: value})
    told = {name: after[name] for name in ("variables", *FIELDS)}
    assert told == {name: before[name] for name in ("variables", *FIELDS)} | {field: value}


@pytest.mark.parametrize("field", ["completedSteps", "failedSteps", "skippedSteps"])
async def test_a_list_of_steps_that_is_null_stays(client: Client, make: Factory, field: str) -> None:
    execution = await make.execution()
    await save(client, execution, **{field: ["a"]})
    assert (await save(client, execution, **{field: None}))[field] == ["a"]


@pytest.mark.parametrize(("there", "given"), [([1], [True]), ({"a": 0}, {"a": False})], ids=repr)
async def test_true_is_not_1_in_parallel_groups(
    client: Client, make: Factory, there: Any, given: Any
) -> None:
    execution = await make.execution()
    await save(client, execution, parallelGroups=there)
    assert exactly((await save(client, execution, parallelGroups=given))["parallelGroups"]) == exactly(given)


async def test_every_version_reads_back_with_its_fields(client: Client, make: Factory) -> None:
    execution = await make.execution()
    saves: list[dict[str, Any]] = [
        {"currentStep": "a", "completedSteps": []},
        {"currentStep": "b", "completedSteps": ["a"], "parallelGroups": [["b", "c"]]},
        {"completedSteps": ["a", "b"], "failedSteps": ["c"]},
        {"currentStep": None, "completedSteps": ["b"], "parallelGroups": None, "skippedSteps": ["d"]},
        {"variables": {"only": "variables"}},
        {"completedSteps": [], "failedSteps": []},
    ]
    expected = [EMPTY]
    for given in saves:
        await save(client, execution, **given)
        expected.append({**expected[-1], **{name: given[name] for name in FIELDS if name in given}})
    states = [await read_state(client, execution, version) for version in range(len(saves) + 1)]
    assert [{name: state[name] for name in FIELDS} for state in states] == expected


@pytest.mark.parametrize("version", [-1, 1, 2**63 - 1])
async def test_a_version_that_never_was_is_refused(client: Client, make: Factory, version: int) -> None:
    document = f"query ($id: ID!) {{ execution(id: $id) {{ stateAt(version: {version}) {{ version }} }} }}"
    assert (await client.refused(document, id=exec_id(await make.execution())))[0] == "BAD_USER_INPUT"


async def test_the_expected_version_lets_one_save_through(client: Client, make: Factory) -> None:
    given = {"executionId": exec_id(await make.execution()), "expectedVersion": 0}
    await client.done("saveState", **given, variables={"mine": 1})
    answer = await client.write("saveState", **given, variables={"theirs": 1})
    assert (answer["__typename"], answer["expected"], answer["current"]) == ("VersionConflict", 0, 1)


async def test_only_what_differs_is_written(client: Client, database: Database, make: Factory) -> None:
    execution = await make.execution()
    await save(client, execution, variables={"a": 1, "b": {"x": [1]}, "c": 3})
    await save(client, execution, variables={"a": 1, "b": {"x": [1]}, "c": 4})
    await save(client, execution, variablesPatch={"a": 1, "b": {"x": [1]}, "d": None})
    written = [(row["version"], row["key"]) for row in await rows(database, "state_entries")]
    assert written == [(1, "a"), (1, "b"), (1, "c"), (2, "c")]


async def test_a_save_says_what_it_changed(client: Client, make: Factory) -> None:
    execution = await make.execution()
    await save(client, execution, variables={"b": 1, "a": 2}, currentStep="x", completedSteps=["x"])
    await save(client, execution, variablesPatch={"a": None}, currentStep=None, completedSteps=["x", "y"])
    first, second = [event["changes"] for event in await read_events(client, execution)]
    assert (first["version"], first["variables"]) == ({"before": 0, "after": 1}, {"after": ["a", "b"]})
    assert (second["version"], second["variables"]) == ({"before": 1, "after": 2}, {"after": ["a"]})
    assert (second["currentStep"], second["completedSteps"]) == (
        {"before": "x", "after": None},
        {"added": ["y"]},
    )


async def test_a_repeated_save_answers_with_its_version_also_after_others(
    client: Client, make: Factory
) -> None:
    execution = await make.execution()
    first = await save(client, execution, variables={"n": 1}, idempotencyKey="once")
    await save(client, execution, variables={"n": 2})
    again = await save(client, execution, variables={"n": 1}, idempotencyKey="once")
    assert (again["version"], again["variables"]) == (first["version"], first["variables"]) == (1, {"n": 1})
