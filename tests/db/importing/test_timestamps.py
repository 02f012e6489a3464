"""Points in time as trace files spell them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.importing.timestamps import parse_timestamp

# A busy machine is no failure.
unhurried = settings(deadline=None)


@unhurried
@given(st.text(max_size=40) | st.datetimes(timezones=st.timezones()).map(datetime.isoformat))
def test_a_text_is_a_time_or_a_value_error(text: str) -> None:
    try:
        moment = parse_timestamp(text)
    except ValueError:
        return

    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20200401T035043+0000", datetime(2020, 4, 1, 3, 50, 43, tzinfo=UTC)),
        ("2020-12-26T01:35:40+00:00", datetime(2020, 12, 26, 1, 35, 40, tzinfo=UTC)),
        ("2023-03-27T22:38:56-10:00", datetime(2023, 3, 28, 8, 38, 56, tzinfo=UTC)),
        ("05-04-23T10:46:27Z", datetime(2023, 5, 4, 10, 46, 27, tzinfo=UTC)),
        ("03-23-21T06:04:36Z", datetime(2021, 3, 23, 6, 4, 36, tzinfo=UTC)),
        ("2020-12-30T02:25:02.572078", datetime(2020, 12, 30, 2, 25, 2, 572078, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_every_spelling(text: str, moment: datetime) -> None:
    assert parse_timestamp(text) == moment
