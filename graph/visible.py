"""What was stored, on somebody's terminal: it must not be able to drive it, nor to look like something else.

A message, a name or an actor can hold whatever a client sent: escape sequences that retitle windows, clear
the screen or make the terminal type, marks that turn the direction of what follows. They are shown as what
they are, `\\x1b` or `\\u202e`, whether the output is a terminal or a pipe that may lead to one.
"""

from collections.abc import Callable
from typing import Any

import orjson

_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
# Marks and embeddings, overrides and isolates that end out of sight; and two more ends of a line.
_DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029)

_SHOWN = {
    **{number: f"\\x{number:02x}" for number in _CONTROLS if number != ord("\t")},
    **{number: f"\\u{number:04x}" for number in _DIRECTIONS},
}
_INDENT = "\n    "
# What JSON text may hold as it is; orjson has escaped the rest.
_IN_JSON = {number: f"\\u{number:04x}" for number in (*range(0x7F, 0xA0), *_DIRECTIONS)}


def visible(text: str) -> str:
    """The text on one line, with control characters and marks of direction as their escapes; tabs stay."""
    return text if text.isascii() and text.isprintable() else text.translate(_SHOWN)


def visible_lines(text: str) -> str:
    """The same, but line by line, all but the first indented: none can pose as another entry."""
    return _INDENT.join(map(visible, text.replace("\r\n", "\n").split("\n")))


def json_text(value: Any, default: Callable[[Any], Any] | None = None) -> bytes:
    """JSON on one line, equal to what orjson makes of the value, with the same characters as its escapes."""
    written = orjson.dumps(value, default, orjson.OPT_UTC_Z)
    return (
        written
        if written.isascii() and b"\x7f" not in written
        else written.decode().translate(_IN_JSON).encode()
    )
