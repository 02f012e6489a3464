"""Log files as they are found: banners before the first time, files that grow, tracebacks, long ones."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import InvalidInput
from db.importing.marks import Mark
from tests.db.importing.texts import LATER, batches, taken

TEN = datetime(2026, 3, 1, 10, tzinfo=UTC)
TRACEBACK = b"2026-03-01 10:00:00 ERROR failed\nTraceback:\n  File x\n\nValueError: boom\n"


def test_blank_lines_are_left_out() -> None:
    assert [line.message for line in taken(b"one\r\n\n  \t\r\n two \rthree\nfour")] == [
        "one",
        " two \rthree",
        "four",
    ]


def test_what_comes_before_the_first_time_has_that_time() -> None:
    lines = taken(b"Starting v1.2\nERROR early\n2026-03-01 10:00:00 INFO one\nmore\n")
    assert [(line.level, line.logged_at) for line in lines] == [(20, TEN), (40, TEN), (20, TEN), (20, TEN)]


def test_a_file_without_times_has_that_of_its_last_change() -> None:
    assert [line.logged_at for line in taken(b"one\ntwo\n")] == [LATER, LATER]


def test_a_zone_that_means_several_is_refused_with_its_line() -> None:
    content = b"banner\n2026-03-01 10:00:00 IST INFO x\n"
    with pytest.raises(InvalidInput, match=r"Line 2 has a time in IST.*--timezone"):
        taken(content)
    (batch,) = batches(content, zone=timezone(timedelta(hours=5, minutes=30)))
    assert batch.lines[0].logged_at == TEN - timedelta(hours=5, minutes=30)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("cut", range(1, TRACEBACK.count(b"\n")))
def test_of_a_file_that_has_grown_what_is_new_is_what_it_would_have_been(cut: int, encoding: str) -> None:
    lines = TRACEBACK.decode().splitlines(keepends=True)
    before, whole = "".join(lines[:cut]).encode(encoding), TRACEBACK.decode().encode(encoding)
    marks = [batch.mark for batch in batches(before)]
    assert [*taken(before), *taken(whole, marks=marks)] == taken(whole)


def test_the_same_file_again_has_nothing_new() -> None:
    marks = [batch.mark for batch in batches(TRACEBACK)]
    assert (taken(TRACEBACK, marks=marks), taken(TRACEBACK + b"\n", marks=marks)) == ([], [])


def test_a_file_that_began_anew_is_another_one() -> None:
    marks = [batch.mark for batch in batches(TRACEBACK)]
    rotated = TRACEBACK.replace(b"boom", b"bang")
    assert taken(rotated, marks=marks) == taken(rotated)


def test_batches_are_bounded_by_lines_and_by_bytes() -> None:
    short, long = b"x\n" * 12_000, (b"y" * 50_000 + b"\n") * 200
    assert [len(batch.lines) for batch in batches(short)] == [5000, 5000, 2000]
    sizes = [sum(len(line.message) for line in batch.lines) for batch in batches(long)]
    assert (sum(sizes), max(sizes) < 5 * 2**20) == (200 * 50_000, True)


@given(st.data())
def test_a_file_can_be_taken_in_by_any_pieces(data: st.DataObject) -> None:
    lines = data.draw(st.lists(st.sampled_from([b"a\n", b"\n", b"2026-03-01 10:00:00 WARN b\n", b"ERROR\n"])))
    ends = data.draw(st.lists(st.integers(0, len(lines))).map(sorted))
    marks: list[Mark] = []
    messages = []
    for end in [*ends, len(lines)]:
        for batch in batches(b"".join(lines[:end]), marks=marks):
            marks.append(batch.mark)
            messages += [(line.level, line.message) for line in batch.lines]
    assert messages == [(line.level, line.message) for line in taken(b"".join(lines))]
