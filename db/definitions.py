"""What a workflow's definition must fulfil.

A definition is a JSON object. Where it has `steps`, they are a list of objects, each with a `key` of its own
and, if it comes after others, with their keys in `dependsOn`, each of them once. Everything else is the
engine's.
"""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from db.errors import InvalidInput

LONGEST_KEY = 500


def require_valid_definition(definition: object) -> None:
    """Raise `InvalidInput` saying which step is wrong, and how."""
    if not isinstance(definition, dict):
        raise InvalidInput("A definition is a JSON object.")
    steps = definition.get("steps", [])
    if not isinstance(steps, list):
        raise InvalidInput("`steps` of a definition is a list.")
    graph: dict[str, list[str]] = {}
    for at, step in enumerate(steps):
        key = _key_of(step, at)
        if key in graph:
            raise InvalidInput(f"Two steps of the definition have the key {key!r}; keys are unique.")
        graph[key] = _dependencies_of(step, key)
    _require_known(graph)
    require_acyclic(graph)


def require_distinct(key: str, dependencies: Sequence[str]) -> None:
    """Raise `InvalidInput` where a step depends twice on the same."""
    if len(set(dependencies)) < len(dependencies):
        twice = next(name for at, name in enumerate(dependencies) if name in dependencies[:at])
        raise InvalidInput(f"Step {key!r} depends twice on {twice!r}; name it once.")


def require_acyclic(graph: Mapping[str, Sequence[str]]) -> None:
    """Raise `InvalidInput` where steps, by what they depend on, depend on each other in a circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # graphlib names the cycle from a step to the one that depends on it.
        cycle = " -> ".join(repr(key) for key in reversed(error.args[1]))
        raise InvalidInput(f"The steps depend on each other in a circle: {cycle}.") from error


def graph_of(steps: object) -> dict[str, list[str]]:
    """What the `steps` of a definition depend on, by their keys; what is no step is left out."""
    found = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    return {step["key"]: step.get("dependsOn") or [] for step in found if isinstance(step.get("key"), str)}


def _key_of(step: object, at: int) -> str:
    key = step.get("key") if isinstance(step, dict) else None
    if not isinstance(key, str) or not 1 <= len(key) <= LONGEST_KEY:
        raise InvalidInput(f"steps[{at}] of the definition needs a `key` of 1 to {LONGEST_KEY} characters.")
    return key


def _dependencies_of(step: Mapping[str, Any], key: str) -> list[str]:
    dependencies = step.get("dependsOn", [])
    if not isinstance(dependencies, list) or not all(isinstance(name, str) for name in dependencies):
        raise InvalidInput(f"`dependsOn` of step {key!r} is a list of step keys.")
    require_distinct(key, dependencies)
    return dependencies


def _require_known(graph: Mapping[str, list[str]]) -> None:
    for key, dependencies in graph.items():
        for name in dependencies:
            if name not in graph:
                raise InvalidInput(f"Step {key!r} depends on {name!r}, which is no step of the definition.")
