"""A request's body: bounded in size and in time, then JSON."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from db.texts import storable_escapes
from graph.errors import Rejection
from graph.http.fields import Fields
from graph.numbers import whole_number

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

# With every digit as a 0, what comes before a value as a colon, and all else but space and signs as a blank,
# a long number is found at the speed of memory: 16 MB of text in 25 ms, where a pattern takes 340.
_SHAPES = {**dict.fromkeys(b"0123456789", ord("0")), **dict.fromkeys(b":,[", ord(":"))}
_SHAPE = bytes(_SHAPES.get(byte, ord(" ")) for byte in range(256))
_SPACE_AND_SIGN = b" \t\r\n-"
_LONG_NUMBER = b":" + b"0" * 19
_NEGATIVE_ZERO = re.compile(rb"-0\s*[,}\]]")
# How many times the limit a body may be and still hear that it was too large.
_DRAINED = 4
_GET_PARAMETERS = ("query", "operationName", "documentId")
_GET_JSON_PARAMETERS = ("variables", "extensions")


class ClientGone(Exception):
    """The client closed its connection; nobody waits for an answer."""


async def read_body(headers: Fields, receive: Receive, most_bytes: int, seconds: float) -> bytes:
    """The whole body.

    Raises `Rejection` for one that is too large or takes too long, `ClientGone` for one that breaks off.
    """
    declared = headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > most_bytes * _DRAINED:
        raise _too_large(most_bytes)
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive, most_bytes)
    except TimeoutError:
        raise Rejection.of(
            f"The body did not arrive within {seconds:g} seconds.", "TIMEOUT", 408, {"connection": "close"}
        ) from None


async def _read(receive: Receive, most_bytes: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    # What is too large is let come in, though not kept: who is still sending when the connection closes
    # sees a reset and not the answer.
    while more and size <= most_bytes * _DRAINED:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part, more = message.get("body", b""), message.get("more_body", False)
        size += len(part)
        if size <= most_bytes:
            parts.append(part)
        else:
            parts.clear()
    if size > most_bytes:
        raise _too_large(most_bytes)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(most_bytes: int) -> Rejection:
    return Rejection.of(
        f"The body is larger than {most_bytes} bytes.", "TOO_LARGE", 413, {"connection": "close"}
    )


def parse_json(data: bytes | str) -> object:
    """JSON from a client; raises `Rejection`.

    orjson refuses what would break further on: lone surrogates, deep nesting. But it makes floats of all
    whole numbers beyond 64 bits, and takes the sign from -0: where there may be one, Python's own parser
    asks `whole_number`.
    """
    try:
        value: object = orjson.loads(data)
        if _may_have_unusual_numbers(data.encode() if isinstance(data, str) else data):
            value = json.loads(data, parse_int=whole_number)
    except (ValueError, RecursionError) as error:  # thousands of digits are a ValueError too
        value = _with_halves(data)
        if value is None:
            raise Rejection.of(
                f"This is not JSON that can be read: {error}.", "BAD_USER_INPUT", 400
            ) from error
    return value


def _may_have_unusual_numbers(data: bytes) -> bool:
    """Whether there may be a whole number beyond 64 bits, or -0; texts that look so count."""
    shape = b":" + data.translate(_SHAPE, _SPACE_AND_SIGN)
    return _LONG_NUMBER in shape or _NEGATIVE_ZERO.search(data) is not None


def _with_halves(data: bytes | str) -> object:
    """A request with halves of surrogate pairs in its variables, where a log entry may have them, else None.

    Clients escape such halves when they cut a text in the middle of a character; what it may mean is not
    for the parser to say.
    """
    try:
        text = data if isinstance(data, str) else data.decode()
        orjson.loads(storable_escapes(text))  # nothing else is wrong with it
        value = json.loads(text)
        request = value.get("payload", value)  # in a message on a socket
        orjson.dumps({**value, "payload": None, **request, "variables": None})
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return value if isinstance(request.get("variables"), dict) else None


def parse_query_string(query_string: bytes) -> dict[str, Any]:
    """The parameters of a GET as the JSON object that a POST would bring; raises `Rejection`."""
    try:
        pairs = dict(parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict"))
    except ValueError as error:
        raise Rejection.of("The query string is not UTF-8.", "BAD_USER_INPUT", 400) from error
    found: dict[str, Any] = {name: pairs[name] for name in _GET_PARAMETERS if name in pairs}
    for name in _GET_JSON_PARAMETERS:
        if pairs.get(name):
            found[name] = parse_json(pairs[name])
    return found
