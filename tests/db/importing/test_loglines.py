"""Log lines: which times and levels are recognised, and that no text is lost or gets in the way."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.importing.loglines import MAX_PIECE_BYTES, LogLine, parse_line, read_lines

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


def test_line_ends_and_blank_lines_are_left_out() -> None:
    lines = read_lines(io.BytesIO(b"one\r\n\n  \t\r\n two \rthree\nfour"))

    assert [line.message for line in lines] == ["one", " two \rthree", "four"]


def test_what_can_not_be_stored_is_replaced() -> None:
    lines = read_lines(io.BytesIO(b"a\0b\n\xffc\n\xed\xa0\x80\nd\xe2\x82"))

    assert [line.message for line in lines] == ["a\ufffdb", "\ufffdc", "\ufffd\ufffd\ufffd", "d\ufffd"]


def test_an_endless_line_is_cut_between_characters() -> None:
    text = "€" * (MAX_PIECE_BYTES // 2)

    pieces = [line.message for line in read_lines(io.BytesIO(text.encode() + b"\nnext\n"))]

    assert "".join(pieces[:-1]) == text
    assert (len(pieces), pieces[-1]) == (3, "next")


@unhurried
@given(st.lists(st.binary(max_size=60).filter(lambda line: line.strip() and b"\n" not in line), max_size=5))
def test_any_bytes_give_an_entry_a_line(lines: list[bytes]) -> None:
    entries = list(read_lines(io.BytesIO(b"\n".join(lines))))

    assert all("\0" not in entry.message for entry in entries)
    assert len(entries) <= len(lines)


def entries_of(name: str) -> list[LogLine]:
    with (DATA / name).open("rb") as file:
        return list(read_lines(file))


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
