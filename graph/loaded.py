"""Fields that load: one function of a level, which every way of answering calls.

`loaded` makes a field of a function that is given all objects of a level, and gives their values in the same
order; an exception among them is the error of that one. The executor calls it once a level. Strawberry alone
reaches it through a dataloader, which puts the objects of a level together.
"""

from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import strawberry

from graph.auth.scopes import READ, Requires
from graph.context import Info
from graph.loaders import Load

LEVEL = "level"


@dataclass(frozen=True, slots=True)
class LevelLoad:
    """How a field is loaded: `columns` are those of the rows that `load` looks at, None for objects."""

    load: Load
    columns: tuple[str, ...] | None


def loaded(
    load: Load,
    shown: object,
    description: str,
    *columns: str,
    scope: Requires = READ,
) -> Any:
    """A field of type `shown` with the parameters of `load` after its first two as arguments.

    With `columns`, `load` is given rows that have at least these; without, the objects.
    """
    how = LevelLoad(load, columns or None)

    async def resolve(self: Any, info: Info, **arguments: Any) -> Any:
        return await info.context.loaders.level(load, info, arguments).load(self.row if columns else self)

    _, _, *extra = signature(load).parameters.values()
    resolve.__signature__ = signature(load).replace(  # type: ignore[attr-defined]
        parameters=[
            Parameter("self", Parameter.POSITIONAL_OR_KEYWORD),
            Parameter("info", Parameter.POSITIONAL_OR_KEYWORD, annotation=Info),
            *extra,
        ],
        return_annotation=shown,
    )
    resolve.__module__ = load.__module__
    return strawberry.field(
        resolver=resolve, description=description, directives=[scope], metadata={LEVEL: how}
    )
