"""Reads the part of a workflow's definition that an executor needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Unrunnable(Exception):
    """The definition is not for this executor; the message says which step, and why."""


@dataclass(frozen=True)
class Step:
    """A step as defined: what runs (`kind` is python or shell), after what, how often it is tried again."""

    key: str
    kind: str
    command: str
    depends_on: list[str]
    retries: int
    arguments: Any


def read_steps(definition: Mapping[str, Any]) -> dict[str, Step]:
    """The steps by key. Flowkeep has proven that keys are unique and that nothing goes in a circle."""
    return {step["key"]: _read(step) for step in definition.get("steps", [])}


def _read(step: Mapping[str, Any]) -> Step:
    runs = step.get("run")
    if not isinstance(runs, dict) or len(runs) != 1 or not runs.keys() <= {"python", "shell"}:
        raise Unrunnable(f"step {step['key']!r} needs a `run` with either `python` or `shell`")
    ((kind, command),) = runs.items()
    retries = step.get("retries", 0)
    if not isinstance(command, str) or not isinstance(retries, int):
        raise Unrunnable(f"step {step['key']!r}: `{kind}` is a text and `retries` a number")
    return Step(step["key"], kind, command, step.get("dependsOn", []), retries, step.get("with"))
