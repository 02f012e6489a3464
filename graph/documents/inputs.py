"""How long the lists in an operation's variables may be, checked before any of their items is looked at."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    type_from_ast,
)

from graph.errors import too_complex


def list_variables(
    schema: GraphQLSchema, operation: OperationDefinitionNode
) -> tuple[tuple[str, GraphQLInputType], ...]:
    """The variables of an operation that can hold lists, with their types; JSON is not looked into."""
    found = []
    for definition in operation.variable_definitions or ():
        kind: Any = type_from_ast(schema, definition.type)
        if kind is not None and _has_lists(kind):
            found.append((definition.variable.name.value, kind))
    return tuple(found)


def refuse_long_lists(
    variables: Mapping[str, Any], lists: tuple[tuple[str, GraphQLInputType], ...], most: int
) -> None:
    """Raise TOO_COMPLEX for a list of more than `most` items."""
    for name, kind in lists:
        if name in variables:
            _check(variables[name], kind, name, most)


def _check(value: Any, kind: Any, name: str, most: int) -> None:
    if isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    if isinstance(kind, GraphQLList) and isinstance(value, list):
        if len(value) > most:
            raise too_complex(f"`{name}` is a list of {len(value)} items, where {most} is the limit.")
        if _has_lists(kind.of_type):
            for item in value:
                _check(item, kind.of_type, name, most)
    elif isinstance(kind, GraphQLInputObjectType) and isinstance(value, dict):
        for key, field in kind.fields.items():
            if key in value and _has_lists(field.type):
                _check(value[key], field.type, f"{name}.{key}", most)


@lru_cache(maxsize=1024)
def _has_lists(kind: Any, within: tuple[Any, ...] = ()) -> bool:
    if isinstance(kind, GraphQLNonNull):
        return _has_lists(kind.of_type, within)
    if isinstance(kind, GraphQLInputObjectType):
        return kind not in within and any(
            _has_lists(field.type, (*within, kind)) for field in kind.fields.values()
        )
    return isinstance(kind, GraphQLList)
