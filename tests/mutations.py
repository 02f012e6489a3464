"""The mutations as the schema has them, in tests: a new one is covered, or missed, by itself."""

from functools import cache
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_leaf_type,
)

from graph.schema import schema

SCHEMA = build_schema(schema.as_str())
_FIELDS: dict[str, GraphQLField] = SCHEMA.mutation_type.fields if SCHEMA.mutation_type else {}
# With the first token everybody has to show one: these are tried on an application of their own, in
# tests/graph/test_tokens.py.
OF_TOKENS = ("createToken", "revokeToken")
# Lists of the inputs of others, each answered as by the mutation of one: tests/graph/test_bulk_writes.py.
OF_MANY = ("commitSteps", "heartbeats", "saveStates")
MUTATIONS = sorted(set(_FIELDS) - set(OF_TOKENS) - set(OF_MANY))


def input_type(mutation: str) -> GraphQLInputObjectType:
    """The type of a mutation's only argument."""
    found = get_named_type(_FIELDS[mutation].args["input"].type)
    assert isinstance(found, GraphQLInputObjectType)
    return found


def mutations_with(field: str) -> list[str]:
    """The mutations whose input has a field with this name."""
    return [name for name in MUTATIONS if field in input_type(name).fields]


# What these say depends on when they are asked.
OF_THE_MOMENT = ("whyStuck",)


@cache
def document(mutation: str) -> str:
    """The document that sends a mutation and asks for all that belongs to its answer.

    Members of the union have fields of the same name and of different types, so every one goes by an alias.
    """
    union = get_named_type(_FIELDS[mutation].type)
    assert isinstance(union, GraphQLUnionType)
    members = " ".join(f"... on {member.name} {_aliased(member)}" for member in union.types)
    declared = _FIELDS[mutation].args["input"].type
    return f"mutation ($input: {declared}) {{ {mutation}(input: $input) {{ __typename {members} }} }}"


def plain(answer: dict[str, Any]) -> dict[str, Any]:
    """A member of the union with its own names for its fields."""
    prefix = f"{answer['__typename']}_"
    return {name.removeprefix(prefix): value for name, value in answer.items()}


def _aliased(member: GraphQLObjectType) -> str:
    own = (f"{member.name}_{name}: {name}{_inside(field)}" for name, field in member.fields.items())
    return f"{{ {' '.join(own)} }}"


def _inside(field: GraphQLField) -> str:
    """The selection of a field: its leaves, and objects that are part of it, but no other nodes."""
    kind: GraphQLNamedType = get_named_type(field.type)
    if is_leaf_type(kind):
        return ""
    assert isinstance(kind, GraphQLObjectType)
    own = (
        f"{name}{_inside(part)}"
        for name, part in kind.fields.items()
        if _is_part(part) and name not in OF_THE_MOMENT
    )
    return f" {{ {' '.join(own)} }}"


def _is_part(field: GraphQLField) -> bool:
    kind = get_named_type(field.type)
    if field.args or is_leaf_type(kind):
        return not field.args
    assert isinstance(kind, GraphQLObjectType)
    return not kind.interfaces and not any(part.args for part in kind.fields.values())
