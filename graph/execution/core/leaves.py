"""How scalars and enums are shown: as graphql-core would, but where a shorter way comes to the same."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLEnumType, GraphQLLeafType, GraphQLScalarType, get_named_type
from graphql.execution.executor import Executor

from graph.execution.completion import Completion, Leaf, Listed

# What a column of the database holds for these is shown as it is.
_SHOWN_AS_STORED = frozenset({"String", "Boolean", "Int", "DateTime", "Long"})


def stored(kind: Any, made: Completion) -> Completion:
    """The completion of what a column of the database holds."""
    named = get_named_type(kind)
    if not isinstance(named, GraphQLScalarType) or named.name not in _SHOWN_AS_STORED:
        return made
    if isinstance(made, Listed):
        inner: Any = made.item
        return Listed(_as_stored(inner), made.nullable, made.spot)
    return _as_stored(made)


def _as_stored(made: Any) -> Leaf:
    return Leaf(None, made.explain, made.nullable, made.spot)


def shown(kind: GraphQLLeafType) -> Callable[[Any], Any]:
    """What makes a value of Python the one in the answer."""
    if isinstance(kind, GraphQLEnumType):
        return _Names(kind).__getitem__
    convert = kind.coerce_output_value
    assert convert is not None
    return convert


class _Names(dict[Any, str]):
    """The names of an enum's values, as they come to be seen."""

    def __init__(self, kind: GraphQLEnumType) -> None:
        super().__init__()
        self._kind = kind

    def __missing__(self, value: Any) -> str:
        name: str = self._kind.coerce_output_value(value)
        self[value] = name
        return name


def explained(kind: GraphQLLeafType) -> Callable[[Any], Any]:
    """One value by graphql-core itself, which raises what is wrong with it."""
    return lambda value: Executor.complete_leaf_value(kind, value)
