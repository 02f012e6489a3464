"""JSON merge patch: the examples of RFC 7396's appendix A, and what must hold for any documents."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.merge import merge_patch

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
KEYS = st.sampled_from("abc")
ANY = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
)
OBJECTS = st.dictionaries(KEYS, ANY, max_size=3)
# What a patch can bring about: null has no place in a merged object.
WITHOUT_NULL = st.recursive(
    st.booleans() | st.integers() | st.lists(ANY, max_size=2),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
    ids=str,
)
def test_the_examples_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


@given(target=ANY, patch=ANY)
def test_the_target_and_the_patch_stay_as_they_are(target: Any, patch: Any) -> None:
    before = copy.deepcopy((target, patch))
    merge_patch(target, patch)
    assert (target, patch) == before


@given(target=ANY, patch=ANY)
def test_a_patch_applied_again_changes_nothing_more(target: Any, patch: Any) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


@given(target=OBJECTS)
def test_the_empty_patch_changes_nothing(target: dict[str, Any]) -> None:
    assert merge_patch(target, {}) == target


@given(target=ANY, patch=ANY.filter(lambda patch: not isinstance(patch, dict)))
def test_what_is_no_object_replaces(target: Any, patch: Any) -> None:
    assert merge_patch(target, patch) == patch


@given(target=OBJECTS, patch=OBJECTS)
def test_each_key_is_removed_merged_or_left_alone(target: dict[str, Any], patch: dict[str, Any]) -> None:
    merged = merge_patch(target, patch)
    removed = {key for key, value in patch.items() if value is None}
    assert merged.keys() == (target.keys() | patch.keys()) - removed
    assert all(merged[key] == target[key] for key in target.keys() - patch.keys())
    assert all(merged[key] == merge_patch(target.get(key), patch[key]) for key in patch.keys() - removed)


@given(target=OBJECTS, wanted=WITHOUT_NULL)
def test_any_document_without_nulls_can_be_reached(target: dict[str, Any], wanted: Any) -> None:
    assert merge_patch(target, _difference(target, wanted)) == wanted


def _difference(before: Any, after: Any) -> Any:
    """The patch from one document to another."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    gone: dict[Any, Any] = dict.fromkeys(before.keys() - after.keys())
    return gone | {key: _difference(before.get(key), value) for key, value in after.items()}
