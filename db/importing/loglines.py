"""Lines of log files, of whatever program, read into what a log entry needs: level, message and time.

The message is always the whole line, so that nothing is lost where a line is not understood.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from db.importing.timestamps import find_timestamp

DEBUG = 10
INFO = 20
WARN = 30
ERROR = 40

# A longer line is cut, so that a file without line ends doesn't have to fit into memory.
MAX_PIECE_BYTES = 1024 * 1024

# How far beyond the time stamp the level may be.
_SEARCHED_CHARACTERS = 80

_LEVELS = {
    "TRACE": DEBUG,
    "DEBUG": DEBUG,
    "INFO": INFO,
    "NOTICE": INFO,
    "WARN": WARN,
    "WARNING": WARN,
    "ERR": ERROR,
    "ERROR": ERROR,
    "SEVERE": ERROR,
    "CRITICAL": ERROR,
    "FATAL": ERROR,
}
# In upper case as a word of its own; in either case as level=warn, "level": "warn" or [warn]. Words in
# lower case alone are prose far more often than levels.
_NAMES = "|".join(_LEVELS)
_LEVEL = re.compile(
    rf"\b({_NAMES})\b|(?i:\b(?:level|lvl|severity)[\"']?\s?[=:]\s?[\"']?({_NAMES})\b|\[({_NAMES})\])",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line: its level (10 DEBUG, 20 INFO, 30 WARN, 40 ERROR), its text, and its time in UTC if any."""

    level: int
    message: str
    logged_at: datetime | None


def parse_line(line: str) -> LogLine:
    """The line with the level and time stamp found near its start. Never raises.

    The level is looked for after the time stamp and then before it; a line without one is INFO. A line
    without time stamp, or with one that names no date there is, has None for it. The line is taken as it
    is: text that PostgreSQL can't store stays in it (`read_lines` leaves none).
    """
    found = find_timestamp(line)
    if found is None:
        return LogLine(_level(line, 0, _SEARCHED_CHARACTERS) or INFO, line, None)
    level = _level(line, found.end, found.end + _SEARCHED_CHARACTERS) or _level(line, 0, found.start)
    return LogLine(level or INFO, line, found.moment)


def _level(line: str, start: int, end: int) -> int | None:
    match = _LEVEL.search(line, start, end)
    return _LEVELS[match[match.lastindex or 0].upper()] if match else None


def read_lines(file: BinaryIO) -> Iterator[LogLine]:
    """The lines of a file, without their line ends (\\n or \\r\\n), in constant memory.

    Blank lines are left out, as they say nothing. Bytes that are not UTF-8, and NUL characters, which
    PostgreSQL can't store, become U+FFFD. A line of more than MAX_PIECE_BYTES bytes is cut into pieces of
    that size, each an entry of its own. Raises what reading the file raises.
    """
    for text in _texts(file):
        line = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
        if line and not line.isspace():
            yield parse_line(line.replace("\0", "\ufffd"))


def _texts(file: BinaryIO) -> Iterator[str]:
    """The file's lines with their ends, cut to MAX_PIECE_BYTES, but not in the middle of a character."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    while piece := file.readline(MAX_PIECE_BYTES):
        # A full piece without line end may stop inside a character, whose bytes then wait for the next piece.
        # A shorter one is the file's last.
        whole = piece.endswith(b"\n") or len(piece) < MAX_PIECE_BYTES
        yield decoder.decode(piece, final=whole)
    yield decoder.decode(b"", final=True)
