"""What a mutation's input means: a field left out, null, or spelled out as its default is one and the same.

It is declared where the field is: `NULL_CLEARS` for the few where null says something of its own,
`means_nothing(value)` for a default that the schema can't show.
"""

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

from strawberry import UNSET

_CLEARS, _NOTHING = "null clears", "means nothing"
NULL_CLEARS: Mapping[str, Any] = {_CLEARS: True}


def means_nothing(value: object) -> Mapping[str, Any]:
    """The metadata of a field for which `value` is the same as to leave it out."""
    return {_NOTHING: value}


def as_meant(value: Any, **instead: Any) -> Any:
    """An input in which null stands for nothing at all, and nothing else does; `instead` has fields anew."""
    kind: Any = type(value)
    meant = {**vars(value), **instead}
    for name, metadata in _declared(kind):
        given = meant[name]
        if given is UNSET:
            meant[name] = None
        elif name in instead:
            continue
        elif given is None:
            meant[name] = {_CLEARS: True} if _CLEARS in metadata else None
        elif _NOTHING in metadata and given == metadata[_NOTHING]:
            meant[name] = None
        elif dataclasses.is_dataclass(given):
            meant[name] = as_meant(given)
    # Not by its class: what was checked when it was made need not be checked again.
    made = object.__new__(kind)
    vars(made).update(meant)
    return made


@cache
def _declared(kind: type[Any]) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    return tuple((field.name, field.metadata) for field in dataclasses.fields(kind))
