"""What a workflow's definition must fulfil, and what a refusal of one says."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.definitions import require_valid_definition
from db.errors import InvalidInput


def steps(**graph: list[str]) -> dict[str, Any]:
    """A definition whose steps depend on each other so."""
    return {"steps": [{"key": key, "dependsOn": names} for key, names in graph.items()]}


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"steps": []},
        {"anything": [1, {"steps": 7}]},
        {"steps": [{"key": "a"}]},
        {"steps": [{"key": "x" * 500, "dependsOn": [], "type": 7, "dependsON": "a"}]},
        steps(a=[], b=["a"], c=["a", "b"], d=["c", "b"]),
        steps(c=["b"], b=["a"], a=[]),
        {"steps": [{"key": "a"}, {"key": "A"}, {"key": "ä"}, {"key": " a"}]},
    ],
    ids=lambda definition: str(definition)[:60],
)
def test_a_definition_that_keeps_the_rules_passes(definition: dict[str, Any]) -> None:
    require_valid_definition(definition)


NO_OBJECT: list[Any] = [None, [], "text", 1, True, [{"steps": []}]]
NO_LIST: list[Any] = [None, {}, "text", 1, {"a": {"key": "a"}}]
NO_STEP: list[Any] = [None, "b", 1, [], {}]
NO_KEYS: list[Any] = [None, "a", {}, [1]]
NO_KEY: list[Any] = [None, "", 1, ["a"], "x" * 501]


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        *((value, "JSON object") for value in NO_OBJECT),
        *(({"steps": value}, "is a list") for value in NO_LIST),
        *(({"steps": [{"key": "a"}, value]}, r"steps\[1\].*`key`") for value in NO_STEP),
        *(({"steps": [{"key": value}]}, r"steps\[0\].*`key`") for value in NO_KEY),
        *(({"steps": [{"key": "a", "dependsOn": value}]}, "list of step keys") for value in NO_KEYS),
        ({"steps": [{"key": "a"}, {"key": "b"}, {"key": "a"}]}, "'a'; keys are unique"),
        (steps(a=[], b=["a", "c"]), "'b' depends on 'c', which is no step"),
        (steps(a=["a"]), "circle: 'a' -> 'a'"),
        (steps(a=[], b=[], c=["a", "b", "a"]), "'c' depends twice on 'a'"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_definition_that_breaks_a_rule_is_told_which(definition: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        require_valid_definition(definition)


def test_a_circle_is_named_along_its_dependencies() -> None:
    with pytest.raises(InvalidInput) as refused:
        require_valid_definition(steps(x=[], a=["c", "x"], b=["a"], c=["b"]))
    named = refused.value.message.split(": ")[1].rstrip(".").replace("'", "").split(" -> ")
    assert (named[0], sorted(named[1:])) == (named[-1], ["a", "b", "c"])
    assert set(pairwise(named)) == {("a", "c"), ("c", "b"), ("b", "a")}


@given(
    graph=st.dictionaries(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=3), max_size=8),
)
def test_a_graph_passes_exactly_when_all_are_known_once_and_it_has_an_order(
    graph: dict[int, list[int]],
) -> None:
    definition = steps(**{str(key): [str(name) for name in names] for key, names in graph.items()})
    try:
        require_valid_definition(definition)
        passed = True
    except InvalidInput:
        passed = False
    assert passed == (_can_be_done(graph) and all(len(set(names)) == len(names) for names in graph.values()))


def _can_be_done(graph: dict[int, list[int]]) -> bool:
    """Do whatever has nothing left to wait for, until nothing moves."""
    done: set[int] = set()
    while ready := {key for key, names in graph.items() if key not in done and done.issuperset(names)}:
        done |= ready
    return len(done) == len(graph)


def test_ten_thousand_steps_in_a_row_are_no_trouble() -> None:
    require_valid_definition(steps(**{f"s{at}": [f"s{at - 1}"] if at else [] for at in range(10_000)}))
