"""How far a standby is behind, in seconds and in positions."""

import pytest
from hypothesis import given
from hypothesis.strategies import integers

from db.errors import InvalidInput
from db.replica import format_lsn, parse_lsn
from db.replica.lag import Lag


def lag(*samples: tuple[float, int]) -> Lag:
    """What was seen of a primary: when, and where its log ended."""
    found = Lag()
    for moment, end in samples:
        found.note(moment, end)
    return found


@pytest.mark.parametrize(
    ("replayed", "seconds"),
    [
        (400, 0.0),  # all of it, however long ago that was
        (500, 0.0),  # more than was known
        (300, 8.0),  # what there was after 2 s
        (350, 7.5),  # and half of what came in the third
        (100, 10.0),
        (99, None),  # what came before was seen by nobody
    ],
)
def test_the_lag_is_the_time_since_it_had_everything(replayed: int, seconds: float | None) -> None:
    assert lag((0, 100), (1, 200), (2, 300), (3, 400)).seconds(10, replayed) == seconds


def test_a_primary_at_rest_makes_no_lag() -> None:
    assert lag((0, 100), (1, 100), (3600, 100)).seconds(3600, 100) == 0.0


def test_before_anything_is_known_the_last_commit_tells() -> None:
    seen = lag((60, 500))
    seen.begin(0, 300)
    assert (seen.seconds(60, 300), seen.seconds(60, 400)) == (60.0, 30.0)


def test_the_beginning_of_a_long_standstill_is_kept() -> None:
    assert lag(*((number, number) for number in range(100_000))).seconds(100_000, 0) == 100_000


def test_another_log_begins_anew() -> None:
    assert lag((0, 500), (1, 100)).seconds(2, 100) == 0.0


@given(integers(0, 2**64 - 1))
def test_a_position_is_read_as_it_is_written(position: int) -> None:
    assert parse_lsn(format_lsn(position)) == position


@pytest.mark.parametrize("text", ["", "/", "1", "0/", "0/G", "123456789/0", "0/1 ", "-1/0", "٣/0", "0/1/2"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="should look like 16/B374D848"):
        parse_lsn(text)
