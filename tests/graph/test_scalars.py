"""Custom scalars: what goes out comes in again, and what can't be kept is refused as bad input."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from db.errors import InvalidInput
from graph.scalars import (
    SCALARS,
    JSONObject,
    format_duration,
    json_text,
    parse_datetime,
    parse_duration,
    parse_long,
)

PARSERS: list[Callable[[object], Any]] = [parse_datetime, parse_duration, parse_long]
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(timezones=OFFSETS).filter(lambda moment: 1 < moment.year < 9999)
HUGE = pytest.param(10**5000, id="huge")
KEPT = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\\u0", max_size=9), inner),
    max_leaves=10,
)
ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary()


def outcome(parse: Callable[[Any], Any], value: object) -> Any:
    """What parsing gives, or the domain's error."""
    try:
        return parse(value)
    except InvalidInput as error:
        return error


@given(moment=MOMENTS)
def test_a_moment_comes_back_whatever_its_zone(moment: datetime) -> None:
    assert parse_datetime(moment.isoformat()) == moment


@given(moment=MOMENTS, digits=st.text("0123456789", min_size=1, max_size=9))
def test_up_to_nine_digits_are_taken_and_six_are_kept(moment: datetime, digits: str) -> None:
    whole = moment.replace(tzinfo=UTC, microsecond=0)
    text = whole.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + f".{digits}Z"
    assert parse_datetime(text) == whole.replace(microsecond=int(f"{digits[:6]:0<6}"))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-02-29T12:00:00Z", datetime(2024, 2, 29, 12, tzinfo=UTC)),
        ("2000-02-29T00:00:00z", datetime(2000, 2, 29, tzinfo=UTC)),
        ("2026-01-01t00:00:00+05:30", datetime(2025, 12, 31, 18, 30, tzinfo=UTC)),
        ("2026-01-01T00:00:00-23:59", datetime(2026, 1, 1, 23, 59, tzinfo=UTC)),
        ("2026-01-01T00:00:00-00:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00.999999999Z", datetime(2026, 1, 1, 0, 0, 0, 999999, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_rfc_3339_is_understood(text: str, moment: datetime) -> None:
    assert parse_datetime(text) == moment


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01T00:00:00",
        "2026-01-01",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+05:60",
        "2026-01-01T00:00:00Z\n",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-13-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "٢٠٢٦-01-01T00:00:00Z",
        1767225600,
        True,
        None,
        HUGE,
    ],
)
def test_what_is_no_moment_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput):
        parse_datetime(value)


@given(length=st.timedeltas())
@example(length=timedelta.min)
@example(length=timedelta.max)
@example(length=timedelta(microseconds=-1))
def test_a_duration_comes_back_as_it_went_out(length: timedelta) -> None:
    assert parse_duration(format_duration(length)) == length


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT0S", timedelta()),
        ("P2DT0.5S", timedelta(days=2, seconds=0.5)),
        ("P1W", timedelta(weeks=1)),
        ("PT1H30M", timedelta(minutes=90)),
        ("PT90M", timedelta(minutes=90)),
        ("-PT1.000001S", -timedelta(seconds=1, microseconds=1)),
        ("PT0.123456789S", timedelta(microseconds=123456)),
    ],
)
def test_iso_8601_is_understood(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "value",
    [
        *("", "P", "PT", "P1DT", "P1Y", "P1M", "1S", "PT1,5S", "PT.5S", "PT1S\n", "pt1s", "PT١S"),
        *("P" + "9" * 50 + "D", "P999999999W", 5, 1.5, None, HUGE),
    ],
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput):
        parse_duration(value)


@given(number=st.integers(-(2**70), 2**70))
@example(number=2**63)
@example(number=2**63 - 1)
@example(number=-(2**63))
@example(number=-(2**63) - 1)
def test_a_long_has_64_bits(number: int) -> None:
    assert (outcome(parse_long, number) == number) == (-(2**63) <= number < 2**63)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, [1], HUGE])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput):
        parse_long(value)


@pytest.mark.parametrize("parse", PARSERS)
@given(value=ANYTHING)
def test_any_value_is_understood_or_bad_input(parse: Callable[[object], Any], value: object) -> None:
    assert isinstance(outcome(parse, value), datetime | timedelta | int | InvalidInput)


@given(value=KEPT)
def test_json_goes_in_as_it_is(value: object) -> None:
    assert orjson.loads(json_text(value)) == value


@given(value=st.recursive(ANYTHING, lambda inner: st.lists(inner) | st.dictionaries(ANYTHING, inner)))
def test_any_json_is_kept_or_bad_input(value: object) -> None:
    assert isinstance(outcome(json_text, value), str | InvalidInput)


def nested(depth: int) -> list[Any]:
    """Lists in lists."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        "a\0",
        {"\0": 1},
        ["\\\0"],
        "\ud800",
        {"\udfff": 1},
        2**64,
        -(2**63) - 1,
        [10**400],
        float("nan"),
        [float("inf")],
        {"a": -float("inf")},
        nested(300),
        {1: 2},
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_json_that_could_not_be_kept_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="can't be kept"):
        json_text(value)


@pytest.mark.parametrize("value", ["\\u0000", "\\\\u0000", {"\\u0000": "u0000"}, nested(200), 2**63])
def test_what_only_looks_dangerous_is_kept(value: object) -> None:
    assert orjson.loads(json_text(value)) == value


@pytest.mark.parametrize("value", [None, True, 1, "{}", []])
def test_a_json_object_is_nothing_else(value: object) -> None:
    with pytest.raises(InvalidInput, match="A JSON object is expected"):
        SCALARS[JSONObject].parse_value(value)  # type: ignore[misc]
