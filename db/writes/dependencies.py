"""What a step of an execution may depend on: the rules of definitions, over what has begun as well."""

from collections.abc import Mapping, Sequence

from db.definitions import require_acyclic, require_distinct
from db.errors import InvalidInput
from db.writes.draft import Draft
from db.writes.needs import NOTHING, Needs
from db.writes.seen import Attempt


def needs_of_dependencies(given: Sequence[str]) -> Needs:
    """What the rules are looked up in: the definition, and whether the steps have begun."""
    return Needs(defined=True, steps=frozenset(given)) if given else NOTHING


def require_dependencies(draft: Draft, key: str, given: Sequence[str], latest: Attempt | None) -> None:
    """Within a write: raise `InvalidInput` for what the step `key` can't depend on.

    It depends on each step once, on steps that its workflow defines or that have begun in the execution, and
    neither on itself nor, by way of others, on what depends on it. `latest` is the last attempt at it.
    """
    if not given or (latest is not None and list(given) == list(latest.depends_on)):
        return
    require_distinct(key, given)
    require_acyclic({key: given} if key in given else {})
    defined = draft.defined
    for name in given:
        if name not in defined and draft.latest(name) is None:
            raise InvalidInput(
                f"Step {key!r} depends on {name!r}, which is no step of the workflow's definition "
                "and has not begun in this execution."
            )
    # Nothing depends on a step that is new, and what the definition says has been found to be no circle.
    if (key in defined or latest is not None) and not set(given) <= set(defined.get(key, ())):
        require_acyclic(_leading_to(given, defined, draft.begun()) | {key: given})


def _leading_to(
    given: Sequence[str], defined: Mapping[str, Sequence[str]], begun: Mapping[str, Sequence[str]]
) -> dict[str, Sequence[str]]:
    """The part of the graph that these steps depend on, defined or begun."""
    part: dict[str, Sequence[str]] = {}
    waiting = list(given)
    while waiting:
        key = waiting.pop()
        if key not in part:
            part[key] = [*defined.get(key, ()), *begun.get(key, ())]
            waiting += part[key]
    return part
