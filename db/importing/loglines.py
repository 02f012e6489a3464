"""Lines of log files, of whatever program, read into what a log entry needs: level, message and time.

The message is always the whole line, so that nothing is lost where a line is not understood.
"""

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo

from db.importing.timestamps import find_timestamp

DEBUG = 10
INFO = 20
WARN = 30
ERROR = 40

# How far beyond the time stamp the level may be.
_SEARCHED_CHARACTERS = 80
# How much of a line is looked at, with the escapes of its colours.
_COLOURED_CHARACTERS = 1000

_LEVELS = {
    "TRACE": DEBUG,
    "DEBUG": DEBUG,
    "DBG": DEBUG,
    "INFO": INFO,
    "INF": INFO,
    "NOTICE": INFO,
    "WARN": WARN,
    "WARNING": WARN,
    "WRN": WARN,
    "ERR": ERROR,
    "ERROR": ERROR,
    "SEVERE": ERROR,
    "CRIT": ERROR,
    "CRITICAL": ERROR,
    "ALERT": ERROR,
    "EMERG": ERROR,
    "FATAL": ERROR,
    "FTL": ERROR,
    "PANIC": ERROR,
}
# In upper case as a word of its own; in either case as level=warn, "level": "warn" or [warn]. Words in
# lower case alone are prose far more often than levels.
_NAMES = "|".join(_LEVELS)
_FIELD = rf"(?i:\b(?:level|lvl|severity)[\"']?\s?[=:]\s?[\"']?({_NAMES})\b)"
_LEVEL = re.compile(rf"\b({_NAMES})\b|{_FIELD}|(?i:\[({_NAMES})\])", re.ASCII)
# In a line that may only continue another.
_OWN_LEVEL = re.compile(rf"\A(?:[<(]?({_NAMES})\b|(?i:\[({_NAMES})\]))|{_FIELD}", re.ASCII)
# The escape sequences of terminals: CSI (colours are some), OSC, and those of two characters.
_ESCAPES = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]")


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """A line: its level (10 DEBUG, 20 INFO, 30 WARN, 40 ERROR), its text, and its time in UTC if any.

    `original_bytes` is how long the text was, where it is cut; `dated` tells whether this line or any before
    it had a time stamp.
    """

    level: int
    message: str
    logged_at: datetime | None
    original_bytes: int | None = None
    dated: bool = False


NOTHING = ParsedLine(INFO, "", None)


def parse_line(
    line: str, before: ParsedLine = NOTHING, zone: tzinfo | None = None, original_bytes: int | None = None
) -> ParsedLine:
    """The line with the level and time stamp found near its start; escape sequences hide neither.

    The level is looked for after the time stamp and then before it; a line with a time stamp and without a
    level is INFO. A line without a time stamp continues the entry `before` it: it has that one's time, and
    its level, unless it says another one. When lines have time stamps, one without begins with its level, or
    is a continuation as the lines of a traceback are. A time stamp that names no date there is counts for
    where it is, not for the time.

    The text stays as it is. Raises `UnclearZone` as `find_timestamp` does.
    """
    plain = _ESCAPES.sub("", line[:_COLOURED_CHARACTERS]) if "\x1b" in line or "\x9b" in line else line
    found = find_timestamp(plain, zone)
    if found is None:
        return ParsedLine(_continued(plain, before), line, before.logged_at, original_bytes, before.dated)
    level = _level(plain, found.end, found.end + _SEARCHED_CHARACTERS) or _level(plain, 0, found.start)
    dated = before.dated or found.moment is not None
    return ParsedLine(level or INFO, line, found.moment or before.logged_at, original_bytes, dated)


def _continued(line: str, before: ParsedLine) -> int:
    if line[:1].isspace():
        return before.level
    levels = _OWN_LEVEL if before.dated else _LEVEL
    return _level(line, 0, _SEARCHED_CHARACTERS, levels) or before.level


def _level(line: str, start: int, end: int, levels: re.Pattern[str] = _LEVEL) -> int | None:
    match = levels.search(line, start, end)
    return _LEVELS[match[match.lastindex or 0].upper()] if match else None
