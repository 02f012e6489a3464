"""The spellings of a point in time in trace files and log lines, read into aware datetimes in UTC."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# How far into a line its time stamp may begin: past a file name or host, but not deep in the message.
SEARCHED_CHARACTERS = 100

# The clocks of other machines may be ahead of ours, but not by more than a mistaken time zone.
_CLOCK_ALLOWANCE = timedelta(days=1)

# Pegasus 5 writes 05-04-23T10:46:27Z for the 4th of May 2023. The order can't be told from the text; the
# files' own creation times show that it is month, day, year.
_MONTH_DAY_YEAR = re.compile(r"(\d\d)-(\d\d)-(\d\d)(T.+)", re.ASCII)

# 2015-10-18 18:01:47,978 and 2024-01-01T00:00:00.5+01:00, with / for - too; 17/06/09 20:10:40 (year first).
_DATED = re.compile(
    r"(?<!\d)(\d{4}(?=[-/])|\d\d(?=/))[-/](\d\d)[-/](\d\d)[ T](\d\d):(\d\d):(\d\d)"
    r"(?:[.,](\d{1,9}))?(?:Z|( ?[+-]\d\d:?\d\d|[+-]\d\d)(?!\d))?",
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


def find_timestamp(line: str) -> FoundTimestamp | None:
    """The time stamp that a log line begins with, or has near its beginning; None when there is none.

    A time without zone is taken to be in UTC, a year of two digits in the century of 2000. Never raises.
    """
    match = _DATED.search(line, 0, SEARCHED_CHARACTERS)
    if match is not None:
        return FoundTimestamp(_dated(match), *match.span())
    match = _SINCE_EPOCH.match(line)
    if match is not None:
        seconds, fraction, milliseconds = match.groups()
        moment = EPOCH + timedelta(seconds=int(seconds), microseconds=_microseconds(milliseconds or fraction))
        return FoundTimestamp(moment, *match.span())
    match = _SYSLOG.match(line)
    if match is not None:
        return FoundTimestamp(_without_year(match), *match.span())
    return None


def _dated(match: re.Match[str]) -> datetime | None:
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = datetime(
            int(year) if len(year) == 4 else 2000 + int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            int(second),
            _microseconds(fraction),
            _zone(zone.lstrip()) if zone else UTC,
        )
        return moment.astimezone(UTC) if zone else moment
    except (ValueError, OverflowError):  # no such date or zone, or a zone that leads out of the calendar
        return None


def _zone(text: str) -> timezone:
    """The zone of +0530, +05:30 or +05. Raises ValueError when it is a day or more away from UTC."""
    minutes = int(text[-2:]) if len(text) > len("+05") else 0
    offset = timedelta(hours=int(text[1:3]), minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _without_year(match: re.Match[str]) -> datetime | None:
    """The time in the latest year in which the date exists and isn't in the future: syslog omits the year."""
    month, day, hour, minute, second = match.groups()
    limit = datetime.now(UTC) + _CLOCK_ALLOWANCE
    for year in range(limit.year, limit.year - _LEAP_YEAR_SPACING - 1, -1):
        try:
            moment = datetime(year, _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        except ValueError:
            continue
        if moment <= limit:
            return moment
    return None


def _microseconds(fraction: str | None) -> int:
    """The microseconds in a decimal fraction of a second, given as its digits; further ones are cut off."""
    return int(fraction[:6].ljust(6, "0")) if fraction else 0
