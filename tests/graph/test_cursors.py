"""Cursors: whatever is made comes back in its own ordering, and nothing else is taken anywhere."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from db.errors import InvalidInput
from db.ids import uuid7
from db.queries import sources
from db.queries.sources import EXECUTIONS, LOG_ENTRIES, STEPS, WORKFLOWS, Order, Source
from graph.cursors import decode, encode, ordering

ORDERINGS = [
    (source, order)
    for source in vars(sources).values()
    if isinstance(source, Source)
    for order in source.orders
]
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "uuid": st.uuids(),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "int": st.integers(-(2**31), 2**31 - 1),
    "text": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=500),
    "timestamptz": st.datetimes(timezones=st.just(UTC)),
    "interval": st.timedeltas(timedelta(seconds=-1), timedelta(days=366) * 9_999),
}
KEY_ORDER = STEPS.order("KEY")


def raw(*parts: Any) -> str:
    """A cursor of any content."""
    return urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def outcome(cursor: str, source: Source, order: Order, descending: bool) -> Any:
    """What decoding gives, or the domain's error."""
    try:
        return decode(cursor, source, order, descending)
    except InvalidInput as error:
        return error


@given(data=st.data(), pair=st.sampled_from(ORDERINGS), descending=st.booleans())
def test_a_cursor_comes_back_as_it_was_made(
    data: st.DataObject, pair: tuple[Source, Order], descending: bool
) -> None:
    source, order = pair
    place = tuple(data.draw(VALUES[key.cast]) for key in order.keys)
    assert decode(encode(ordering(*pair, descending), place), source, order, descending) == place


@given(cursor=st.text(st.characters()), pair=st.sampled_from(ORDERINGS))
@example(cursor="\ud800", pair=ORDERINGS[0])
@example(cursor="\0", pair=ORDERINGS[0])
@example(cursor="A" * 5000, pair=ORDERINGS[0])
@example(cursor=urlsafe_b64encode(b"[" * 3000).decode(), pair=ORDERINGS[0])
def test_any_text_is_bad_input(cursor: str, pair: tuple[Source, Order]) -> None:
    assert isinstance(outcome(cursor, *pair, False), InvalidInput)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.dates().map(str)
    | st.uuids().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)


@given(pair=st.sampled_from(ORDERINGS), values=st.lists(JSON_VALUES, max_size=3))
def test_a_forged_cursor_is_a_place_or_bad_input(pair: tuple[Source, Order], values: list[Any]) -> None:
    forged = raw(1, ordering(*pair, False), *values)
    assert isinstance(outcome(forged, *pair, False), tuple | InvalidInput)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "not a cursor",
        "é",
        raw(),
        raw(1),
        raw(2, "steps:SEQ:asc", 1),
        raw("1", "steps:SEQ:asc", 1),
        raw(1, 5, 1),
        raw(1, "steps:SEQ:asc"),
        raw(1, "steps:SEQ:asc", 1, 2),
        raw(1, "steps:SEQ:asc", "1"),
        raw(1, "steps:SEQ:asc", True),
        raw(1, "steps:SEQ:asc", 1.0),
        raw(1, "steps:SEQ:asc", None),
        raw(1, "steps:SEQ:asc", 2**63),
        urlsafe_b64encode(b'{"1": 2, "3": 4}').decode(),
        urlsafe_b64encode(b"12345").decode(),
        urlsafe_b64encode(b'[1,"steps:SEQ:asc",').decode(),
    ],
)
def test_what_is_not_quite_a_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="is not a cursor"):
        decode(cursor, STEPS, STEPS.order("SEQ"), False)


@pytest.mark.parametrize(
    ("order", "values"),
    [
        (KEY_ORDER, ("a\0b", 1)),
        (KEY_ORDER, ("a", 2**31)),
        (STEPS.order("STARTED_AT"), ("2026-01-01T00:00:00", 1)),
        (STEPS.order("STARTED_AT"), ("2026-02-30T00:00:00Z", 1)),
        (STEPS.order("STARTED_AT"), ("0001-01-01T00:00:00+14:00", 1)),
    ],
)
def test_values_that_no_column_could_hold_are_refused(order: Order, values: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidInput, match="is not a cursor"):
        decode(raw(1, ordering(STEPS, order, False), *values), STEPS, order, False)


@pytest.mark.parametrize(
    ("source", "order", "descending", "name"),
    [
        (EXECUTIONS, "CREATED_AT", True, "executions:CREATED_AT:desc"),
        (EXECUTIONS, "STARTED_AT", False, "executions:STARTED_AT:asc"),
        (WORKFLOWS, "CREATED_AT", False, "workflows:CREATED_AT:asc"),
        (LOG_ENTRIES, "SEQ", False, "log_entries:SEQ:asc"),
    ],
)
def test_a_cursor_of_another_ordering_names_both(
    source: Source, order: str, descending: bool, name: str
) -> None:
    other = encode("executions:CREATED_AT:asc", (uuid7(),))
    with pytest.raises(InvalidInput, match=f"in the ordering executions:CREATED_AT:asc, .* by {name}"):
        decode(other, source, source.order(order), descending)


def test_a_null_moment_sorts_at_the_end_of_time() -> None:
    keys = STEPS.order("STARTED_AT").keys
    assert keys[0].value({"started_at": None}) == datetime(9999, 12, 31, tzinfo=UTC)
