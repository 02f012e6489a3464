"""Checked reading of a trace's JSON: whatever is missing, mistyped or unstorable is refused with its path."""

import json
import math
import re
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from db.importing.timestamps import parse_timestamp

# Ids and names become keys of B-tree indexes, whose entries end at about 2,700 bytes, four to a character.
MAX_NAME_CHARACTERS = 512
MAX_PROSE_CHARACTERS = 10_000
MAX_PATH_CHARACTERS = 4_096  # of a file, as on Linux

_SHOWN_CHARACTERS = 60
_NUMERIC = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_NUL = re.compile("\0")
_NUL_ESCAPE = rb"\u0000"


class TraceError(Exception):
    """A trace that can't be taken in. Its text says what is wrong, at which path, and what would be right."""


class Bounds(NamedTuple):
    """The numbers a field may hold, both ends included, and their unit, which is only for the message."""

    low: float
    high: float
    unit: str

    def __str__(self) -> str:
        return f"a number from {self.low:g} to {self.high:g} ({self.unit})"


class JsonObject(NamedTuple):
    """An object inside a trace and its path, which is empty for the whole document. A null counts as absent.

    Every method that reads a field raises TraceError when the field holds something else than is asked for;
    those not called optional raise it for an absent field too.
    """

    fields: dict[str, Any]
    path: str

    def path_of(self, key: str) -> str:
        """The path of one of the object's fields, such as workflow.execution.tasks[3].id."""
        return f"{self.path}.{key}" if self.path else key

    def text(self, key: str, longest: int = MAX_NAME_CHARACTERS) -> str:
        """A text that is not empty and has at most `longest` characters."""
        value = self.fields.get(key)
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            raise self.wrong(key, f"a text of 1 to {longest} characters")
        return value

    def optional_text(self, key: str, longest: int = MAX_NAME_CHARACTERS) -> str | None:
        """As `text`, with None for an absent field and for an empty text."""
        return None if self.fields.get(key) in (None, "") else self.text(key, longest)

    def optional_texts(self, key: str) -> list[str]:
        """A list of texts, empty when it is absent."""
        value = self.fields.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(key, "a list of texts")
        for index, item in enumerate(value):
            if not isinstance(item, str):
                raise TraceError(f"{self.path_of(key)}[{index}] is {shown(item)}; it must be a text")
        return value

    def number(self, key: str, within: Bounds) -> float:
        """A finite number within the range; also one written as a text ("776.0"), as some tools do."""
        value = self.fields.get(key)
        number = _number_in(value) if isinstance(value, str) else value
        # A bool is an int to Python, but a mistake in a trace.
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise self.wrong(key, str(within))
        if not within.low <= number <= within.high:
            raise self.wrong(key, str(within))
        return number

    def optional_number(self, key: str, within: Bounds) -> float | None:
        """As `number`, with None for an absent field."""
        return None if self.fields.get(key) is None else self.number(key, within)

    def optional_timestamp(self, key: str) -> datetime | None:
        """A point in time, in UTC; None when the field is absent."""
        value = self.fields.get(key)
        if value is None:
            return None
        right = "a time such as 2020-12-26T01:35:40+00:00, from 1970 to a day from now"
        if not isinstance(value, str):
            raise self.wrong(key, right)
        try:
            return parse_timestamp(value)
        except ValueError as error:
            raise self.wrong(key, right) from error

    def nested(self, key: str) -> "JsonObject":
        """The object in the field."""
        value = self.fields.get(key)
        if not isinstance(value, dict):
            raise self.wrong(key, "an object")
        return JsonObject(value, self.path_of(key))

    def optional_nested(self, key: str) -> "JsonObject":
        """As `nested`, with an empty object for an absent field."""
        return JsonObject({}, self.path_of(key)) if self.fields.get(key) is None else self.nested(key)

    def nested_list(self, key: str) -> Iterator["JsonObject"]:
        """The objects of a list that has at least one; a mistake in it is raised when it is reached."""
        value = self.fields.get(key)
        if not isinstance(value, list) or not value:
            raise self.wrong(key, "a list of at least one object")
        path = self.path_of(key)
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise TraceError(f"{path}[{index}] is {shown(item)}; it must be an object")
            yield JsonObject(item, f"{path}[{index}]")

    def optional_nested_list(self, key: str) -> Iterator["JsonObject"]:
        """As `nested_list`, nothing for an absent field or an empty list."""
        return iter(()) if self.fields.get(key) in (None, []) else self.nested_list(key)

    def wrong(self, key: str, right: str) -> TraceError:
        """The error that says what the field holds and, from `right`, what it must be."""
        value = self.fields.get(key)
        found = "missing" if value is None else shown(value)
        return TraceError(f"{self.path_of(key)} is {found}; it must be {right}")


def load_object(content: bytes) -> JsonObject:
    """The JSON object that a file consists of.

    Raises TraceError when the file is empty, is no JSON, is another value than an object, or holds text that
    PostgreSQL can't store: NUL characters and halves of surrogate pairs.
    """
    if not content or content.isspace():
        raise TraceError("the file is empty; it must be a JSON object")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        _refuse_surrogates(content)
        raise TraceError(f"the file is not JSON: {error}; it must be a JSON object in UTF-8") from error
    if not isinstance(value, dict):
        raise TraceError(f"the file is {shown(value)}; it must be a JSON object")
    # A NUL can only be in the text as an escape, so that almost every file is spared the walk.
    if _NUL_ESCAPE in content:
        _refuse_text(value, _NUL, "a NUL character")
    return JsonObject(value, "")


def digest_of(document: JsonObject) -> bytes:
    """SHA-256 over the document's content, whatever its indentation and order of keys.

    Raises TraceError for a document nested so deeply that it can't be written as JSON again.
    """
    try:
        return sha256(orjson.dumps(document.fields, option=orjson.OPT_SORT_KEYS)).digest()
    except orjson.JSONEncodeError as error:
        raise TraceError("the file is nested too deeply; it must have fewer than 254 levels") from error


def _refuse_surrogates(content: bytes) -> None:
    """Raise TraceError if half a surrogate pair is why the strict parser refused the file.

    That parser tells the place as a line and column. The lenient one of the standard library lets such text
    pass, so that the path can be found; it is slow, and only used on files that are refused anyway.
    """
    if _SURROGATE_ESCAPE.search(content) is None:
        return
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return
    _refuse_text(value, _SURROGATE, "half of a surrogate pair")


def _refuse_text(document: object, unstorable: re.Pattern[str], what: str) -> None:
    """Raise TraceError, with the path, if a key or text anywhere in the document matches the pattern."""
    pending: deque[tuple[str, object]] = deque([("", document)])
    while pending:
        path, value = pending.popleft()
        if isinstance(value, str):
            if unstorable.search(value) is not None:
                raise TraceError(f"{path} contains {what}; it must be text that PostgreSQL can store")
        elif isinstance(value, list):
            pending.extend((f"{path}[{index}]", item) for index, item in enumerate(value))
        elif isinstance(value, dict):
            for key, item in value.items():
                below = f"{path}.{_printable(key)}" if path else _printable(key)
                pending.append((below, key))
                pending.append((below, item))


def _number_in(text: str) -> float | None:
    """The finite number that a text spells, a whole one as an int; None when it is something else."""
    if _NUMERIC.fullmatch(text) is None:
        return None
    number = float(text)
    if not math.isfinite(number):
        return None
    return int(number) if "." not in text and number.is_integer() else number


def _printable(key: str) -> str:
    """The key as part of a path: short, with escapes for what a terminal or a database could not take."""
    short = key[:_SHOWN_CHARACTERS]
    return short if short.isprintable() else ascii(short)[1:-1]


def shown(value: object) -> str:
    """A value in an error message: short, on one line, never a whole object."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, str):
        return ascii(value) if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]!a}..."
    return orjson.dumps(value).decode()
