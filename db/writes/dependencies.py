"""What a step of an execution may depend on: the rules of definitions, over what has begun as well."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on

from db.definitions import graph_of, require_acyclic, require_distinct
from db.errors import InvalidInput
from db.models import Step, Workflow
from db.models.base import Document, among
from db.writes.unit import Unit

# Taken out by the server: a definition can be large, and its steps are all that matters here.
_STEPS = select(func.json_extract_path(Workflow.definition, "steps", type_=Document()))


async def require_dependencies(unit: Unit, key: str, given: Sequence[str], latest: Any) -> None:
    """Within a write: raise `InvalidInput` for what the step `key` can't depend on.

    It depends on each step once, on steps that its workflow defines or that have begun in the execution, and
    neither on itself nor, by way of others, on what depends on it. `latest` is the last attempt at it.
    """
    if not given or (latest is not None and list(given) == latest.depends_on):
        return
    require_distinct(key, given)
    require_acyclic({key: given} if key in given else {})
    defined = graph_of(await unit.session.scalar(_STEPS.where(Workflow.id == unit.row.workflow_id)))
    begun = await _begun(unit, given)
    for name in given:
        if name not in defined and name not in begun:
            raise InvalidInput(
                f"Step {key!r} depends on {name!r}, which is no step of the workflow's definition "
                "and has not begun in this execution."
            )
    # Nothing depends on a step that is new, and what the definition says has been found to be no circle.
    if (key in defined or latest is not None) and not set(given) <= set(defined.get(key, ())):
        require_acyclic(_leading_to(given, defined, await _begun(unit)) | {key: given})


async def _begun(unit: Unit, keys: Sequence[str] | None = None) -> dict[str, list[str]]:
    """What the steps of the execution, or some of them, depend on, as their last attempts say."""
    statement = (
        select(Step.key, Step.depends_on)
        .where(Step.execution_id == unit.id)
        .ext(distinct_on(Step.key))
        .order_by(Step.key, Step.attempt.desc())
    )
    if keys is not None:
        statement = statement.where(among(Step.key, keys))
    return {row.key: row.depends_on for row in await unit.session.execute(statement)}


def _leading_to(
    given: Sequence[str], defined: Mapping[str, list[str]], begun: Mapping[str, list[str]]
) -> dict[str, list[str]]:
    """The part of the graph that these steps depend on, defined or begun."""
    part: dict[str, list[str]] = {}
    waiting = list(given)
    while waiting:
        key = waiting.pop()
        if key not in part:
            part[key] = [*defined.get(key, ()), *begun.get(key, ())]
            waiting += part[key]
    return part
