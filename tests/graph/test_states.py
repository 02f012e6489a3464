"""The state of an execution now and at every version that it has had."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.enums import StateOp
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.sizes import examples

AT = datetime(2026, 1, 15, 12, tzinfo=UTC)
FIELDS = "currentStep completedSteps failedSteps skippedSteps parallelGroups"
Save = dict[str, tuple[StateOp, Any]]

KEYS = st.sampled_from(["a", "b", "é", 'quo"te', "back\\slash", "\U0010ffff", " "])
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | TEXTS
LISTS = st.lists(SCALARS | st.lists(SCALARS, max_size=2), max_size=3)
VALUES = SCALARS | LISTS | st.dictionaries(TEXTS, SCALARS, max_size=2)


def after(variables: dict[str, Any], save: Save) -> dict[str, Any]:
    """What a save makes of the variables."""
    changed = dict(variables)
    for key, (op, value) in save.items():
        if op is StateOp.DELETE:
            changed.pop(key, None)
        else:
            changed[key] = value if op is StateOp.SET else changed.get(key, []) + value
    return changed


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Save], list[dict[str, Any]]]:
    """Saves in their order, and the variables at every version from 0."""
    saves: list[Save] = []
    versions: list[dict[str, Any]] = [{}]
    for _ in range(draw(st.integers(1, 6))):
        save: Save = {}
        for key in draw(st.sets(KEYS, min_size=1, max_size=3)):
            appendable = isinstance(versions[-1].get(key, []), list)
            op = draw(st.sampled_from([*StateOp] if appendable else [StateOp.SET, StateOp.DELETE]))
            drawn = {StateOp.SET: VALUES, StateOp.APPEND: LISTS, StateOp.DELETE: st.none()}[op]
            save[key] = (op, draw(drawn))
        saves.append(save)
        versions.append(after(versions[-1], save))
    return saves, versions


@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories())
async def test_every_version_can_be_read_back(
    client: Client, make: Factory, history: tuple[list[Save], list[dict[str, Any]]]
) -> None:
    saves, versions = history
    await make.state(execution := await make.execution(), *saves)
    aliases = [f"v{at}: stateAt(version: {at}) {{ variables }}" for at in range(len(versions))]
    data = await of(client, execution, f"{' '.join(aliases)} now: state {{ variables }}")
    assert [state["variables"] for state in data.values()] == [*versions, versions[-1]]


async def of(client: Client, execution: UUID, selection: str) -> Any:
    """Fields of an execution."""
    document = f"query ($id: ID!) {{ execution(id: $id) {{ {selection} }} }}"
    return (await client.ask(document, id=encode(Kind.EXECUTION, execution)))["execution"]


async def test_the_head_shows_its_row(client: Client, make: Factory) -> None:
    execution = await make.execution()
    head: dict[str, Any] = {"current_step": "d", "parallel_groups": {"g": ["x", "y"]}, "updated_at": AT}
    head |= {"completed_steps": ["b", "a"], "failed_steps": ["c"], "skipped_steps": []}
    await make.state(execution, {"a": (StateOp.SET, 1)}, **head)
    data = await of(client, execution, f"state {{ id version updatedAt execution {{ id }} {FIELDS} }}")
    assert data["state"] == {
        "id": encode(Kind.STATE, execution),
        "version": 1,
        "updatedAt": "2026-01-15T12:00:00Z",
        "execution": {"id": encode(Kind.EXECUTION, execution)},
        "currentStep": "d",
        "completedSteps": ["b", "a"],
        "failedSteps": ["c"],
        "skippedSteps": [],
        "parallelGroups": {"g": ["x", "y"]},
    }


async def test_a_new_execution_has_an_empty_state(client: Client, make: Factory) -> None:
    execution = await make.execution()
    data = await of(client, execution, f"state {{ version variables {FIELDS} }}")
    assert data["state"] == {
        "version": 0,
        "variables": {},
        "currentStep": None,
        "completedSteps": [],
        "failedSteps": [],
        "skippedSteps": [],
        "parallelGroups": None,
    }


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        (0, [None, [], [], [], None]),
        (1, ["one", ["a"], [], [], [["x"]]]),
        (2, ["two", ["a", "b"], ["c"], [], [["x"]]]),
        (3, [None, ["a", "b"], ["c"], ["d"], None]),
    ],
)
async def test_the_fields_of_every_version_can_be_read_back(
    client: Client, make: Factory, version: int, fields: list[Any]
) -> None:
    execution = await make.execution()
    first: dict[str, Any] = {"current_step": "one", "completed_steps": ["a"], "parallel_groups": [["x"]]}
    second: dict[str, Any] = {"current_step": "two", "failed_steps": ["c"]}
    saves: list[Save] = [
        {name: (StateOp.SET, value) for name, value in first.items()},
        {name: (StateOp.SET, value) for name, value in second.items()}
        | {"completed_steps": (StateOp.APPEND, ["b"])},
        {"current_step": (StateOp.DELETE, None), "parallel_groups": (StateOp.DELETE, None)}
        | {"skipped_steps": (StateOp.SET, ["d"])},
    ]
    await make.state(execution, *saves, of_fields=True)
    data = await of(client, execution, f"stateAt(version: {version}) {{ {FIELDS} }}")
    assert list(data["stateAt"].values()) == fields


@pytest.mark.parametrize("groups", [{"g": ["x"]}, [], "text", 1.50, True, 2**60])
async def test_parallel_groups_are_any_json(client: Client, make: Factory, groups: Any) -> None:
    execution = await make.execution()
    await make.state(
        execution, {"parallel_groups": (StateOp.SET, groups)}, of_fields=True, parallel_groups=groups
    )
    data = await of(client, execution, "state { parallelGroups } stateAt(version: 1) { parallelGroups }")
    assert list(data.values()) == [{"parallelGroups": groups}] * 2
