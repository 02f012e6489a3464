"""Keyset cursors: opaque, versioned, and bound to the ordering that they were made in.

A cursor is base64url of the JSON list [version, ordering, value, …]; the values are the row's place in
that ordering. One codec for every list.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from db.errors import InvalidInput
from db.queries.sources import Order, Source

_VERSION = 1
_LONGEST = 4096
FEED_PLACES = ("bigint", "uuid", "bigint")


def _integer(value: Any, bits: int = 63) -> int:
    if type(value) is not int or not -(2**bits) <= value < 2**bits:
        raise ValueError("not an integer, or too large a one")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("not a text")
    return value


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment.astimezone(UTC)


_READERS: dict[str, Callable[[Any], Any]] = {
    "uuid": lambda value: UUID(_text(value)),
    "bigint": _integer,
    "int": lambda value: _integer(value, 31),
    "text": _text,
    "timestamptz": _moment,
    "interval": lambda value: timedelta(microseconds=_integer(value)),
}


def ordering(source: Source, order: Order, descending: bool) -> str:
    """The name that a cursor carries, such as `executions:STARTED_AT:desc`."""
    return f"{source.table}:{order.name}:{'desc' if descending else 'asc'}"


def encode(name: str, place: tuple[Any, ...]) -> str:
    """The cursor of a row at `place` in the ordering called `name`."""
    return urlsafe_b64encode(orjson.dumps([_VERSION, name, *map(_plain, place)])).rstrip(b"=").decode()


def _plain(value: Any) -> Any:
    # asyncpg's UUID is a subclass, which orjson only takes as such when asked.
    if isinstance(value, UUID):
        return str(value)
    return value // timedelta(microseconds=1) if isinstance(value, timedelta) else value


def decode(cursor: str, source: Source, order: Order, descending: bool) -> tuple[Any, ...]:
    """The place that `cursor` names.

    Raises `InvalidInput` for anything that `encode` did not make, and for a cursor of another ordering.
    """
    return decode_named(cursor, ordering(source, order, descending), tuple(key.cast for key in order.keys))


def decode_named(cursor: str, expected: str, casts: tuple[str, ...]) -> tuple[Any, ...]:
    """The place of a cursor that must have been made for `expected`, with values of these types.

    Raises `InvalidInput` as `decode` does.
    """
    try:
        if len(cursor) > _LONGEST:
            raise ValueError("too long")
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        version, name, *values = orjson.loads(urlsafe_b64decode(padded))
        if version != _VERSION or not isinstance(name, str):
            raise ValueError("another version")
    except (ValueError, TypeError, Base64Error) as error:
        raise InvalidInput(
            f"{cursor[:60]!r} is not a cursor. Use one that this list gave, such as pageInfo.endCursor."
        ) from error
    if name != expected:
        raise InvalidInput(
            f"This cursor was made in the ordering {name}, but the list is ordered by {expected}. "
            "Page on with the same orderBy, or start again without a cursor."
        )
    try:
        return tuple(_READERS[cast](value) for cast, value in zip(casts, values, strict=True))
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidInput(f"{cursor[:60]!r} is not a cursor: it was changed on its way.") from error
