"""Shares count what ended well or badly, and nothing else."""

import pytest

from db.enums import Ending, StepStatus
from graph.api.shares import share

NONE = dict.fromkeys(map(str.lower, StepStatus), 0)
ENDED = {**NONE, "completed": 6, "failed": 1, "timed_out": 1, "skipped": 90, "running": 900}


@pytest.mark.parametrize(
    ("row", "ending", "expected"),
    [(ENDED, Ending.WELL, 0.75), (ENDED, Ending.BADLY, 0.25), (NONE, Ending.WELL, None)],
)
def test_a_share_is_of_what_ended_well_or_badly(
    row: dict[str, int], ending: Ending, expected: float | None
) -> None:
    assert share(row, StepStatus, ending) == expected
