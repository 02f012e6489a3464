"""What Strawberry keeps to itself and we use all the same: the place to look at after its releases."""

from collections.abc import Iterable
from typing import Any

import strawberry
from graphql import GraphQLField, GraphQLInputField, GraphQLNamedType, GraphQLSchema

_DEFINITION = "strawberry-definition"


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """The schema as graphql-core knows it."""
    return schema._schema


def scalar_registry(schema: strawberry.Schema) -> Any:
    """The schema's own scalars, as `convert_arguments` takes them."""
    return schema.schema_converter.scalar_registry


def definition_of(declared: GraphQLNamedType | GraphQLField | GraphQLInputField) -> Any:
    """Strawberry's definition of a type or field of graphql-core's schema; None for those of graphql-core."""
    return declared.extensions.get(_DEFINITION)


def enum_values(vocabulary: Any) -> Iterable[Any]:
    """The values of what `strawberry.enum` was made of, whose descriptions can still be set."""
    values: Iterable[Any] = vocabulary.__strawberry_definition__.values
    return values
