"""Text that can't be kept as it is: replaced, cut, and nothing else of it changed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.texts import cut, fitted, is_storable, storable, storable_json

any_text = st.text(st.characters(exclude_categories=[]) | st.sampled_from("\0\ud800\udfff\\u"))
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text,
    lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
    max_leaves=10,
)


@given(any_text)
def test_any_text_becomes_storable_character_by_character(text: str) -> None:
    kept = storable(text)
    unlike = {(before, after) for before, after in zip(text, kept, strict=True) if before != after}
    assert (is_storable(kept), {after for _, after in unlike} <= {"\ufffd"}) == (True, True)
    assert all(not is_storable(before) for before, _ in unlike)


def replaced(value: Any) -> Any:
    """What is expected of JSON: the same, place by place."""
    match value:
        case str():
            # Two halves that follow each other in a text are a character in JSON.
            return storable(value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"))
        case list():
            return [replaced(item) for item in value]
        case dict():
            return {replaced(key): replaced(item) for key, item in value.items()}
    return value


@given(any_json)
def test_any_json_becomes_storable_and_stays_the_same_otherwise(value: Any) -> None:
    assert json.dumps(storable_json(value)) == json.dumps(replaced(value))


@pytest.mark.parametrize("text", ["\\u0000", "\\\\ud800", "\U0001f600", "\\", '"\ufffd'])
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert storable_json([text, {text: 1}]) == [text, {text: 1}]


@given(st.text("x€😀", max_size=200), st.integers(40, 300))
def test_a_text_fits_or_is_cut_between_characters_and_says_so(text: str, most_bytes: int) -> None:
    kept, original = fitted(text, most_bytes)
    size = len(text.encode())
    if size <= most_bytes:
        assert (kept, original) == (text, None)
        return
    begin, mark = kept.split(" … ")
    assert text.startswith(begin)
    assert (mark, original, len(kept.encode()) <= most_bytes) == (f"[cut: {size} bytes]", size, True)
    assert most_bytes - len(kept.encode()) < 4


def test_a_limit_without_room_for_the_mark_leaves_the_mark() -> None:
    assert cut(b"x" * 50, 50, 5) == " … [cut: 50 bytes]"
