"""The schema file, and what every part of the schema must have."""

from collections.abc import Iterator
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    is_non_null_type,
)

from graph.schema import as_text, core
from tests.client import Client

SCHEMA = build_schema(as_text())
COMMITTED = Path(__file__).parents[2] / "schema.graphql"
BUILT_IN = {"String", "Int", "Float", "Boolean", "ID"}


def described() -> Iterator[tuple[str, str | None]]:
    """The schema, and every directive, type, field, argument and value, with its description."""
    yield "schema", SCHEMA.description
    yield from ((f"@{directive.name}", directive.description) for directive in SCHEMA.directives)
    for name, kind in SCHEMA.type_map.items():
        if name.startswith("__") or name in BUILT_IN:
            continue
        yield name, kind.description
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{name}.{value}", part.description) for value, part in kind.values.items())
        if isinstance(kind, GraphQLInputObjectType):
            yield from ((f"{name}.{field}", part.description) for field, part in kind.fields.items())
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field, shape in kind.fields.items():
                yield f"{name}.{field}", shape.description
                yield from ((f"{name}.{field}({at})", part.description) for at, part in shape.args.items())


def test_the_schema_file_is_up_to_date() -> None:
    assert COMMITTED.read_text() == as_text()


def test_everything_is_described() -> None:
    assert [name for name, description in described() if not (description or "").strip()] == []


async def test_introspection_describes_the_schema(client: Client) -> None:
    answer = await client.ask("{ __schema { description directives { name description } } }")
    found = answer["__schema"]
    assert found["description"] == SCHEMA.description
    assert all(directive["description"] for directive in found["directives"])


def test_a_root_field_that_can_fail_can_be_null() -> None:
    fields = core.query_type.fields  # type: ignore[union-attr]
    assert [name for name, field in fields.items() if is_non_null_type(field.type)] == ["viewer"]


def test_no_default_is_null() -> None:
    assert "= null" not in as_text()


def test_enum_values_are_upper_case() -> None:
    enums = (kind for kind in SCHEMA.type_map.values() if isinstance(kind, GraphQLEnumType))
    names = [value for kind in enums if not kind.name.startswith("__") for value in kind.values]
    assert names == [name.upper() for name in names]
