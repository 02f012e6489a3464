"""What programs wrote, made into text that can be kept.

PostgreSQL's text holds neither NUL characters nor halves of surrogate pairs, and a log message has a limit.
None of that is a reason to lose the entry, or what comes with it.
"""

import json
import re
from typing import Any

REPLACEMENT = "\ufffd"

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_HALF = re.compile("[\ud800-\udfff]")
# The escapes of JSON text from left to right, so that a pair of surrogates is never taken for two halves, nor
# an escaped backslash for the beginning of an escape. What can't be kept is the group.
_HEX = "[0-9a-fA-F]"
_ESCAPE = re.compile(
    rf"\\(?:u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}|(u0000|u[dD][89a-fA-F]{_HEX}{{2}})|.)"
)


def storable(text: str) -> str:
    """The text with U+FFFD for each NUL character and each half of a surrogate pair."""
    if text.isascii() and "\0" not in text:
        return text
    return _UNSTORABLE.sub(REPLACEMENT, text)


def is_storable(text: str) -> bool:
    """Whether the text can be kept as it is."""
    return _UNSTORABLE.search(text) is None


def is_unicode(text: str) -> bool:
    """Whether the text has no half of a surrogate pair."""
    return _HALF.search(text) is None


def storable_escapes(json_text: str) -> str:
    """JSON text with the escape of U+FFFD for those of NUL characters and halves of surrogate pairs."""
    return _ESCAPE.sub(lambda found: r"\ufffd" if found[1] else found[0], json_text)


def storable_json(value: Any) -> Any:
    """The JSON value with U+FFFD for the same in its texts and keys.

    Raises ValueError, TypeError or RecursionError for what can't be written as JSON.
    """
    return json.loads(storable_escapes(json.dumps(value)))


def fitted(text: str, most_bytes: int) -> tuple[str, int | None]:
    """The text, cut where it has more than `most_bytes` in UTF-8; and how many those were, if it was cut."""
    if len(text) * 4 <= most_bytes:
        return text, None
    whole = text.encode()
    if len(whole) <= most_bytes:
        return text, None
    return cut(whole, len(whole), most_bytes), len(whole)


def cut(beginning: bytes, size: int, most_bytes: int) -> str:
    """A text of `size` bytes, cut to `most_bytes`, of which at least so many are given; a mark ends it."""
    mark = f" … [cut: {size} bytes]"
    room = max(0, most_bytes - len(mark.encode()))
    return beginning[:room].decode(errors="ignore") + mark
