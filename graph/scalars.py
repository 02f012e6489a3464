"""Custom scalars. JSON goes out as the database's own text, never parsed; moments as orjson writes them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NewType

import orjson
import strawberry
from graphql import ValueNode
from strawberry.types.scalar import ScalarDefinition

from db.errors import InvalidInput
from db.moments import FIRST, LAST
from graph.numbers import has_no_number, literal_value

JSON = NewType("JSON", object)
JSONObject = NewType("JSONObject", object)
Long = NewType("Long", int)

_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:[0-5]\d)", re.ASCII
)
_ISO8601_DURATION = re.compile(
    r"(-)?P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,9}))?S)?)?", re.ASCII
)
_NUL_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def _shown(value: object) -> str:
    """What a client sent, for an error message; Python refuses to write out very long numbers."""
    try:
        return repr(str(value)[:60])
    except ValueError:
        return "A number of thousands of digits"


def parse_datetime(value: object) -> datetime:
    """An aware moment from RFC 3339 text; digits beyond microseconds are cut off."""
    match = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidInput(
            f"{_shown(value)} is not an RFC 3339 date and time with a zone, such as 2026-01-31T12:00:00Z."
        )
    date, time, fraction, zone = match.groups()
    try:
        return datetime.fromisoformat(
            f"{date}T{time}.{(fraction or '0')[:6]:0<6}{'+00:00' if zone in 'Zz' else zone}"
        ).astimezone(UTC)
    except OverflowError as error:
        raise InvalidInput(
            f"{value!r} is out of range: moments lie between {FIRST.isoformat()} and {LAST.isoformat()}."
        ) from error
    except ValueError as error:
        raise InvalidInput(f"{value!r} is not a date and time that exists: {error}.") from error


def parse_duration(value: object) -> timedelta:
    """A length of time from ISO 8601 text of weeks, days, hours, minutes and seconds."""
    match = _ISO8601_DURATION.fullmatch(value) if isinstance(value, str) and len(value) < 60 else None
    if match is None:
        raise InvalidInput(f"{_shown(value)} is not an ISO 8601 duration such as PT1H30M or P2DT0.5S.")
    sign, weeks, days, hours, minutes, seconds, fraction = match.groups()
    try:
        length = timedelta(
            weeks=int(weeks or 0),
            days=int(days or 0),
            hours=int(hours or 0),
            minutes=int(minutes or 0),
            seconds=int(seconds or 0),
            microseconds=int(f"{(fraction or '0')[:6]:0<6}"),
        )
    except OverflowError as error:
        raise InvalidInput(f"{value!r} is longer than a duration can be.") from error
    return -length if sign else length


def format_duration(value: timedelta) -> str:
    """ISO 8601 text of a length of time, such as `PT1.5S`."""
    microseconds = value // timedelta(microseconds=1)
    sign = "-" if microseconds < 0 else ""
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    fraction = f".{rest:06}".rstrip("0") if rest else ""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}H" if hours else "", f"{minutes}M" if minutes else ""]
    last = f"{seconds}{fraction}S" if seconds or fraction or not any(parts) else ""
    return f"{sign}PT{''.join(parts)}{last}"


def parse_long(value: object) -> int:
    """A whole number of 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise InvalidInput(f"{_shown(value)} is not a whole number between -2^63 and 2^63-1.")
    return value


def json_text(value: object) -> str:
    """The JSON text of a value from a client.

    Raises `InvalidInput` for what the database can't keep: NUL characters, lone surrogates, whole numbers
    past 64 bits, numbers that are none, nesting beyond 250 levels.
    """
    try:
        text = orjson.dumps(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"This JSON can't be kept: {error}.") from error
    refuse_nul(text)
    if b"null" in text and has_no_number(value):
        raise InvalidInput("This JSON can't be kept: it holds a number that is infinite or none.")
    return text.decode()


def refuse_nul(text: bytes) -> None:
    """Raise `InvalidInput` for JSON text with the NUL character in one of its strings."""
    if b"\\u0000" in text and _NUL_ESCAPE.search(text):
        raise InvalidInput("This can't be kept: PostgreSQL's text can't hold the NUL character.")


def _parse_json_object(value: object) -> object:
    if not isinstance(value, dict):
        raise InvalidInput(f"A JSON object is expected, not {type(value).__name__}.")
    return value


def _literal_object(node: ValueNode, variables: dict[str, Any] | None = None) -> object:
    return _parse_json_object(literal_value(node, variables))


def _serialize_json(value: Any) -> Any:
    # Rows carry JSON columns as text; everything else is a value made here.
    return orjson.Fragment(value) if isinstance(value, str) else value


def _passed(value: Any) -> Any:
    return value


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment as RFC 3339 text with a zone, such as `2026-01-31T12:00:00.123456Z`; "
        "up to 9 digits of a second are taken, 6 are kept.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=_passed,
        parse_value=parse_datetime,
    ),
    timedelta: strawberry.scalar(
        name="Duration",
        description="A length of time as ISO 8601 text, such as `PT1M30.5S`. Months and years are not taken: "
        "their length varies.",
        specified_by_url="https://www.iso.org/standard/70907.html",
        serialize=format_duration,
        parse_value=parse_duration,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value. Its numbers are whole ones of 64 bits and doubles; `1e+20`, `1.0` and "
        "`-0.0` come back in that form.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=_serialize_json,
        parse_value=_passed,
        parse_literal=literal_value,
    ),
    JSONObject: strawberry.scalar(
        name="JSONObject",
        description="A JSON object.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259#section-4",
        serialize=_serialize_json,
        parse_value=_parse_json_object,
        parse_literal=_literal_object,
    ),
    Long: strawberry.scalar(
        name="Long",
        description="A whole number of 64 bits, as a JSON number.",
        specified_by_url="https://scalars.graphql.org/apollographql/long.html",
        serialize=_passed,
        parse_value=parse_long,
    ),
}
