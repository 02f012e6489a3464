"""The tables of allowed moves are whole, and a move is allowed, needless or refused by them."""

from enum import StrEnum
from typing import Any

import pytest

from db.enums import TERMINAL_EXECUTION, TERMINAL_STEP, ExecutionStatus, StepStatus, WorkflowStatus
from db.errors import InvalidTransition
from db.transitions import EXECUTION_MOVES, STEP_MOVES, WORKFLOW_MOVES, require_move

TABLES: list[Any] = [
    (WORKFLOW_MOVES, WorkflowStatus, (WorkflowStatus.ARCHIVED,), WorkflowStatus.DRAFT),
    (EXECUTION_MOVES, ExecutionStatus, TERMINAL_EXECUTION, ExecutionStatus.PENDING),
    (STEP_MOVES, StepStatus, TERMINAL_STEP, StepStatus.PENDING),
]
PAIRS = [
    pytest.param(moves, current, to, id=f"{kind.__name__}-{current}-{to}")
    for moves, kind, _, _ in TABLES
    for current in kind
    for to in kind
]
tables = pytest.mark.parametrize(
    ("moves", "kind", "terminal", "first"), TABLES, ids=lambda value: str(value)[:20]
)


@tables
def test_every_status_is_in_the_table(moves: Any, kind: type[StrEnum], terminal: Any, first: Any) -> None:
    assert list(moves) == list(kind)


@tables
def test_exactly_the_terminal_ones_have_no_moves(moves: Any, kind: Any, terminal: Any, first: Any) -> None:
    assert {status for status, to in moves.items() if not to} == set(terminal)


@tables
def test_a_move_goes_to_another_status_once(moves: Any, kind: Any, terminal: Any, first: Any) -> None:
    assert all(current not in to and len(set(to)) == len(to) for current, to in moves.items())


@tables
def test_every_status_can_be_reached_from_the_first(moves: Any, kind: Any, terminal: Any, first: Any) -> None:
    reached = {first}
    while more := {to for status in reached for to in moves[status]} - reached:
        reached |= more
    assert reached == set(kind)


@tables
def test_nothing_goes_back_to_the_first(moves: Any, kind: Any, terminal: Any, first: Any) -> None:
    assert all(first not in to for to in moves.values())


@pytest.mark.parametrize(("moves", "current", "to"), PAIRS)
def test_a_move_changes_something_or_not_or_is_refused(moves: Any, current: StrEnum, to: StrEnum) -> None:
    if to == current or to in moves[current]:
        assert require_move(moves, current, to) is (to != current)
    else:
        with pytest.raises(InvalidTransition) as refused:
            require_move(moves, current, to)
        assert (refused.value.current, refused.value.to) == (current, to)


def test_a_refusal_names_what_is_allowed() -> None:
    with pytest.raises(
        InvalidTransition, match="PENDING can't become PAUSED; allowed from there: RUNNING, FAILED"
    ):
        require_move(EXECUTION_MOVES, ExecutionStatus.PENDING, ExecutionStatus.PAUSED)


def test_a_refusal_says_that_nothing_is_allowed() -> None:
    with pytest.raises(InvalidTransition, match="FAILED can't become RUNNING; nothing is allowed from there"):
        require_move(STEP_MOVES, StepStatus.FAILED, StepStatus.RUNNING)
