"""What a recovery would keep, and what it would run again: event numbers compared, nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any

from db.enums import StepStatus

_DONE = (StepStatus.COMPLETED, StepStatus.SKIPPED)


def done_at(attempts: Sequence[Any], base: Any) -> dict[str, Any]:
    """The attempts by key that were done at a checkpoint: of those there were then, the last at each step."""
    last = {step.key: step for step in attempts if step.seq <= base.step_seq}
    return {
        key: step for key, step in last.items() if step.status in _DONE and step.event_seq <= base.event_seq
    }


def to_run_again(attempts: Sequence[Any], done: Mapping[str, Any]) -> list[Any]:
    """The last attempt at each step that was not done."""
    return [step for key, step in {step.key: step for step in attempts}.items() if key not in done]
