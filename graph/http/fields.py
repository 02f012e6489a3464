"""The header fields of a request."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar

from starlette.types import Scope

Fields = Mapping[str, str]
T = TypeVar("T")

_FIELDS = "flowkeep.fields"
_LONGEST_REMEMBERED = 200


def fields_of(scope: Scope) -> Fields:
    """The fields by their names in lower case, the first of each; read once a request."""
    known: dict[str, str] | None = scope.get(_FIELDS)
    if known is None:
        known = scope[_FIELDS] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])
        }
    return known


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """What a function makes of the few texts that most requests send, kept; long ones are not."""
    kept = lru_cache(256)(function)

    def call(text: str) -> T:
        return kept(text) if len(text) <= _LONGEST_REMEMBERED else function(text)

    return call
