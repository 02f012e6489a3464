"""Shares of what ended so: computed from a row that counts by status."""

from collections.abc import Iterable

from db.enums import Ending, Word
from db.queries.pages import Row


def share(row: Row, statuses: Iterable[Word], ending: Ending) -> float | None:
    """Which share (0 to 1) of what ended well or badly has this ending; None where nothing has one.

    `row` has a column for each status, named as it is in lower case.
    """
    counts = dict.fromkeys(Ending, 0)
    for status in statuses:
        if status.ending:
            counts[status.ending] += row[status.lower()]
    known = counts[Ending.WELL] + counts[Ending.BADLY]
    return counts[ending] / known if known else None
