"""Log lines: which times and levels are recognised, and that no text is lost or gets in the way."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.importing.loglines import NOTHING, ParsedLine, parse_line
from db.importing.timestamps import UnclearZone
from tests.db.importing.texts import taken

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "loghub"
real_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real logs are not at {DATA}")

# A busy machine is no failure.
unhurried = settings(deadline=None)

DEBUG, INFO, WARN, ERROR = 10, 20, 30, 40
NOON = datetime(2024, 2, 3, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        ("2024-02-03 12:00:00,978 INFO [main] x", NOON + timedelta(milliseconds=978)),
        ("2024-02-03T12:00:00.123456789Z x", NOON + timedelta(microseconds=123456)),
        ("2024-02-03T12:00:00 x", NOON),
        ("2024-02-03T13:30:00+01:30 x", NOON),
        ("2024-02-03 07:00:00.000 -0500 x", NOON),
        ("2024-02-03 14:00:00+02 x", NOON),
        ("[2024-02-03T12:00:00Z] x", NOON),
        (
            "api.log.1.2017-05-16_13:53:08 2024-02-03 12:00:00.008 25746 INFO x",
            NOON + timedelta(milliseconds=8),
        ),
        ("24/02/03 12:00:00 INFO x", NOON),
        ("2024/02/03 12:00:00 [error] x", NOON),
        ("<34>1 2024-02-03T12:00:00Z host x", NOON),
        ("1706961600 x", NOON),
        ("1706961600.25 x", NOON + timedelta(milliseconds=250)),
        ("[1706961600978] x", NOON + timedelta(milliseconds=978)),
        ("2024-13-03 12:00:00 x", None),
        ("2024-02-30 12:00:00 x", None),
        ("2024-02-03 12:00:00+99:00 x", None),
        ("0001-01-01 00:00:00+01:00 x", None),
        ("2706961600123 x", None),
        ("id 1706961600 x", None),
        ("x" * 100 + " 2024-02-03 12:00:00", None),
        ("    at org.example.Main(Main.java:12)", None),
    ],
)
def test_the_time_near_the_start_is_recognised(line: str, moment: datetime | None) -> None:
    assert parse_line(line).logged_at == moment


@pytest.mark.parametrize("priority", ["", "<34>"])
def test_syslog_times_belong_to_the_latest_year_possible(priority: str) -> None:
    hour_ago = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)

    line = parse_line(f"{priority}{hour_ago:%b} {hour_ago.day:2} {hour_ago:%H:%M:%S} host cron[1]: x")

    assert line.logged_at == hour_ago


def test_a_syslog_leap_day_finds_its_year() -> None:
    moment = parse_line("Feb 29 12:00:00 host x").logged_at

    assert moment is not None
    assert moment.day == 29


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2024-02-03 12:00:00,978 TRACE x", DEBUG),
        ("2024-02-03 12:00:00 DEBUG x", DEBUG),
        ("2024-02-03 12:00:00 NOTICE x", INFO),
        ("2024-02-03 12:00:00 - app - WARNING - x", WARN),
        ("24/02/03 12:00:00 WARN x", WARN),
        ("SEVERE: x", ERROR),
        ("CRITICAL:root:x", ERROR),
        ("2024-02-03 12:00:00 FATAL x", ERROR),
        ("[ERROR] 2024-02-03 12:00:00 x", ERROR),
        ("2024-02-03 12:00:00 [error] 7#0: x", ERROR),
        ("time=2024-02-03T12:00:00Z level=warn msg=x", WARN),
        ('{"time": "2024-02-03T12:00:00Z", "level": "Error"}', ERROR),
        ("2024-02-03 12:00:00 INFO retry after ERROR", INFO),
        ("2024-02-03 12:00:00 no error, no WARNINGS, ERROR_CODE=0", INFO),
        ("x" * 80 + " ERROR", INFO),
    ],
)
def test_the_level_near_the_time_is_recognised(line: str, level: int) -> None:
    assert parse_line(line).level == level


@unhurried
@given(st.text() | st.from_regex(r"\A.{0,20}\d{2,4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d.{0,40}\Z"))
def test_any_text_is_kept_as_it_is(text: str) -> None:
    line = parse_line(text)

    assert line.message == text
    assert line.logged_at is None or line.logged_at.tzinfo is UTC


def levels(*lines: str) -> list[int]:
    """The levels of lines that follow each other."""
    before, found = NOTHING, []
    for line in lines:
        before = parse_line(line, before)
        found.append(before.level)
    return found


TIMED = "2024-02-03 12:00:00 ERROR x"


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("Traceback (most recent call last):", ERROR),
        ('  File "x.py", line 3, in INFO', ERROR),
        ("    log(WARN, level=INFO)", ERROR),
        ("ValueError: no INFO here", ERROR),
        ("Caused by: java.io.IOException: DEBUG", ERROR),
        ("", ERROR),
        ("INFO: another entry", INFO),
        ("[warn] another entry", WARN),
        ('{"msg": "x", "level": "debug"}', DEBUG),
        ("2024-02-03 12:00:01 another entry", INFO),
        ("2024-13-03 12:00:01 WARN another entry", WARN),
    ],
)
def test_a_line_without_a_time_continues_the_one_before(line: str, level: int) -> None:
    assert levels(TIMED, line, "and more") == [ERROR, level, level]


def test_where_no_line_has_a_time_a_level_begins_an_entry() -> None:
    lines = ("app: ERROR x", "more", "  INFO indented", "app: INFO y", "more")
    assert levels(*lines) == [ERROR, ERROR, ERROR, INFO, INFO]


def test_a_line_without_a_time_has_that_of_the_one_before() -> None:
    before = parse_line(TIMED)
    assert [parse_line(line, before).logged_at for line in ("more", "2024-13-03 12:00:00 x")] == [NOON] * 2


@pytest.mark.parametrize(
    "line",
    [
        "2024-02-03 12:00:00 \x1b[31mERROR\x1b[0m x",
        "\x1b[2m2024-02-03T12:00:00Z\x1b[0m \x1b[31mERROR\x1b[0m x",
        "2024-02-03 12:00:00 \x1b[38;5;196;1mERROR\x1b[m x",
        "2024-02-03 12:00:00 \x9b31mERROR\x9b0m x",
        "\x1b[90m1706961600\x1b[0m [\x1b[91merror\x1b[0m] x",
        "\x1b]8;;http://example.org\x1b\\2024-02-03 12:00:00\x1b]8;;\x07 ERROR x",
    ],
)
def test_escapes_hide_neither_time_nor_level_and_stay(line: str) -> None:
    assert parse_line(line) == ParsedLine(ERROR, line, NOON, dated=True)


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        ("2024-02-03 12:00:00 UTC", NOON),
        ("2024-02-03 12:00:00.5 GMT", NOON + timedelta(milliseconds=500)),
        ("2024-02-03 13:00:00 CET", NOON),
        ("2024-02-03 14:00:00CEST", NOON),
        ("2024-02-03 07:00:00,000 EST", NOON),
        ("2024-02-03 04:00:00 PST", NOON),
        ("2024-02-03 21:00:00 JST", NOON),
        ("2024-02-03 14:00:00 GMT+0200", NOON),
        ("2024-02-03 07:00:00 UTC-5", NOON),
        ("2024-02-03 17:30:00 UTC+05:30", NOON),
        ("2024-02-03 12:00:00 CETERA", NOON),
        ("2024-02-03 12:00:00 HTTP", NOON),
    ],
)
def test_zones_by_name_are_taken(time: str, moment: datetime) -> None:
    assert parse_line(f"{time} ERROR x") == ParsedLine(ERROR, f"{time} ERROR x", moment, dated=True)


def test_a_zone_that_means_several_is_not_guessed() -> None:
    with pytest.raises(UnclearZone, match="IST"):
        parse_line("2024-02-03 12:00:00 IST x")


@pytest.mark.parametrize("time", ["2024-02-03 17:30:00", "2024-02-03 17:30:00 IST", "2024-02-03 12:00:00Z"])
def test_a_zone_can_be_given(time: str) -> None:
    assert parse_line(f"{time} x", zone=ZoneInfo("Asia/Kolkata")).logged_at == NOON


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31 23:00:00"]
)
def test_the_ends_of_the_calendar_are_no_times(time: str) -> None:
    assert parse_line(f"{time} ERROR x") == ParsedLine(ERROR, f"{time} ERROR x", None)


def entries_of(name: str) -> list[ParsedLine]:
    path = DATA / name
    with path.open("rb") as file:
        return taken(file, path.stat().st_size)


@real_data
@pytest.mark.parametrize(
    ("name", "word"), [("Hadoop_2k.log", 2), ("OpenStack_2k.log", 4), ("Spark_2k.log", 2)]
)
def test_real_lines_all_have_their_time_and_level(name: str, word: int) -> None:
    levels = {"INFO": INFO, "WARN": WARN, "WARNING": WARN, "ERROR": ERROR, "FATAL": ERROR}

    entries = entries_of(name)

    assert len(entries) == 2000
    assert all(entry.logged_at is not None for entry in entries)
    assert [entry.level for entry in entries] == [levels[entry.message.split()[word]] for entry in entries]
