"""The spellings of a point in time in trace files and log lines, read into aware datetimes in UTC."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# How far into a line its time stamp may begin: past a file name or host, but not deep in the message.
SEARCHED_CHARACTERS = 100

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)

# The clocks of other machines may be ahead of ours, but not by more than a mistaken time zone.
_CLOCK_ALLOWANCE = timedelta(days=1)

# Pegasus 5 writes 05-04-23T10:46:27Z for the 4th of May 2023. The order can't be told from the text; the
# files' own creation times show that it is month, day, year.
_MONTH_DAY_YEAR = re.compile(r"(\d\d)-(\d\d)-(\d\d)(T.+)", re.ASCII)

# The names of zones that mean one thing, by their hours from UTC: RFC 5322's, but for CST, and others.
_NAMES_OF_ZONES = (
    "-10 HST, -9 AKST, -8 PST AKDT, -7 MST PDT, -6 MDT, -5 EST CDT, -4 EDT, 0 UTC GMT WET, 1 CET WEST, "
    "2 CEST EET, 3 EEST MSK, 8 HKT SGT, 9 JST KST, 10 AEST, 11 AEDT, 12 NZST, 13 NZDT"
)
_ZONES = {
    name: timezone(timedelta(hours=int(hours)))
    for hours, *names in map(str.split, _NAMES_OF_ZONES.split(","))
    for name in names
}
# Those that are used for several, hours from each other.
_UNCLEAR = ("AMT", "AST", "BST", "CST", "ECT", "GST", "IST", "SST")
_NAMED_ZONE = "|".join((*_ZONES, *_UNCLEAR))

# 2015-10-18 18:01:47,978 and 2024-01-01T00:00:00.5+01:00, with / for - too; 17/06/09 20:10:40 (year first).
_DATED = re.compile(
    r"(?<!\d)(\d{4}(?=[-/])|\d\d(?=/))[-/](\d\d)[-/](\d\d)[ T](\d\d):(\d\d):(\d\d)"
    r"(?:[.,](\d{1,9}))?"
    rf"(?:Z|( ?[+-]\d\d:?\d\d|[+-]\d\d| ?(?:UTC|GMT)[+-]\d\d?(?::?\d\d)?)(?!\d)| ?({_NAMED_ZONE})\b)?",
    re.ASCII,
)
# Jun  9 20:10:40, with syslog's priority before it or not.
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_SYSLOG = re.compile(rf"(?:<\d{{1,3}}>)?({'|'.join(_MONTHS)}) +(\d{{1,2}}) (\d\d):(\d\d):(\d\d)\b", re.ASCII)
# Seconds or milliseconds since 1970, from 2001 to 2033; other numbers of 10 or 13 digits are more likely ids.
_SINCE_EPOCH = re.compile(r"\[?(1\d{9})(?:[.,](\d{1,9})|(\d{3}))?(?![\w-]|[.,]\d)", re.ASCII)

# A date of the 29th of February is at most this long ago, when its year is not given.
_LEAP_YEAR_SPACING = 8


class UnclearZone(ValueError):
    """A time has a zone by a name that means several; the text is that name."""


class FoundTimestamp(NamedTuple):
    """A time stamp in a line: the point in time, None if there is no such date, and its place in the line."""

    moment: datetime | None
    start: int
    end: int


def parse_timestamp(text: str) -> datetime:
    """The point in time that the text names, in UTC, at the precision given (microseconds at most).

    Understood are ISO 8601, extended or basic (2020-12-26T01:35:40+00:00, 20200401T035043+0000), and
    month-day-year with two digits each (05-04-23T10:46:27Z; the century is 2000). A time without zone is
    taken to be in UTC.

    Raises ValueError for anything else, and for a time before 1970 or more than a day ahead of this machine's
    clock: nothing that has been executed can bear one.
    """
    match = _MONTH_DAY_YEAR.fullmatch(text)
    if match is not None:
        month, day, year, time = match.groups()
        text = f"20{year}-{month}-{day}{time}"
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # Compared before the conversion, which overflows at the calendar's ends.
    if moment < EPOCH or moment > datetime.now(UTC) + _CLOCK_ALLOWANCE:
        raise ValueError("the time lies before 1970 or in the future")
    return moment.astimezone(UTC)


def find_timestamp(line: str, zone: tzinfo | None = None) -> FoundTimestamp | None:
    """The time stamp that a log line begins with, or has near its beginning; None when there is none.

    A time without zone is in `zone`, or in UTC without one; a year of two digits is in the century of 2000.
    Raises `UnclearZone` for a zone by a name that means several, unless `zone` says which.
    """
    match = _DATED.search(line, 0, SEARCHED_CHARACTERS)
    if match is not None:
        return FoundTimestamp(_dated(match, zone), *match.span())
    match = _SINCE_EPOCH.match(line)
    if match is not None:
        seconds, fraction, milliseconds = match.groups()
        moment = EPOCH + timedelta(seconds=int(seconds), microseconds=_microseconds(milliseconds or fraction))
        return FoundTimestamp(moment, *match.span())
    match = _SYSLOG.match(line)
    if match is not None:
        return FoundTimestamp(_without_year(match, zone or UTC), *match.span())
    return None


def _dated(match: re.Match[str], zone: tzinfo | None) -> datetime | None:
    year, month, day, hour, minute, second, fraction, offset, name = match.groups()
    if name in _UNCLEAR and zone is None:
        raise UnclearZone(name)
    try:
        if offset:
            zone = _offset(offset)
        elif name in _ZONES:
            zone = _ZONES[name]
        elif match[0].endswith("Z"):
            zone = UTC
        moment = datetime(
            int(year) if len(year) == 4 else 2000 + int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            int(second),
            _microseconds(fraction),
            zone or UTC,
        ).astimezone(UTC)
    except (ValueError, OverflowError):  # no such date or zone, or a zone that leads out of the calendar
        return None
    # The zero and the greatest time of programs are no times at which something was logged.
    return moment if EPOCH <= moment < _NEVER else None


def _offset(text: str) -> timezone:
    """The zone of +0530, +05:30, +05 or UTC+5. Raises ValueError when it is a day or more away from UTC."""
    sign, digits = text.lstrip(" UTCGM")[0], re.sub(r"\D", "", text)
    hours, minutes = (digits, "0") if len(digits) <= 2 else (digits[:-2], digits[-2:])
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)


def _without_year(match: re.Match[str], zone: tzinfo) -> datetime | None:
    """The time in the latest year in which the date exists and isn't in the future: syslog omits the year."""
    month, day, hour, minute, second = match.groups()
    limit = datetime.now(UTC) + _CLOCK_ALLOWANCE
    for year in range(limit.year, limit.year - _LEAP_YEAR_SPACING - 1, -1):
        try:
            parts = year, _MONTHS[month], int(day), int(hour), int(minute), int(second)
            moment = datetime(*parts, tzinfo=zone)
        except ValueError:
            continue
        if moment <= limit:
            return moment.astimezone(UTC)
    return None


def _microseconds(fraction: str | None) -> int:
    """The microseconds in a decimal fraction of a second, given as its digits; further ones are cut off."""
    return int(fraction[:6].ljust(6, "0")) if fraction else 0
