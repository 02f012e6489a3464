"""The fields of the mutations' inputs, at any depth, and how to set one of them; made from the schema.

A place is a mutation's name and the path to a field of its input, such as `commitStep.step.key`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    get_named_type,
    get_nullable_type,
    is_required_input_field,
)

from db.engine import Database
from tests.client import Client
from tests.graph.world import World, inputs
from tests.mutations import MUTATIONS, input_type
from tests.rows import everything

TEXT = ("String", "ID")
JSON = ("JSON", "JSONObject")


def places(*kinds: str) -> list[str]:
    """Where the mutations' inputs have fields of one of the types."""
    return [
        f"{mutation}.{path}"
        for mutation in MUTATIONS
        for path, kind in _leaves(input_type(mutation))
        if get_named_type(kind).name in kinds
    ]


class Attempts:
    """Sends mutations one value after another, each at one place of an input that is good."""

    def __init__(self, client: Client, database: Database, world: World) -> None:
        self.client, self.database, self.world = client, database, world

    async def answers(self, tried: Iterable[str], value: Any) -> dict[str, str]:
        """The member of the union that answers the value, by the place that it was put to.

        Whatever the answers are, nothing must have changed.
        """
        before = await everything(self.database)
        found = {place: await self._answer(place, value) for place in tried}
        assert await everything(self.database) == before, found
        return found

    async def _answer(self, place: str, value: Any) -> str:
        mutation, *path = place.split(".")
        sent = _put(input_type(mutation), inputs(self.world)[mutation], path, value)
        return str((await self.client.write(mutation, **sent))["__typename"])


def _leaves(kind: GraphQLInputObjectType) -> Iterator[tuple[str, GraphQLInputType]]:
    for name, field in kind.fields.items():
        named = get_named_type(field.type)
        if isinstance(named, GraphQLInputObjectType):
            yield from ((f"{name}.{path}", leaf) for path, leaf in _leaves(named))
        else:
            yield name, field.type


def _put(kind: GraphQLInputObjectType, given: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    name, *rest = path
    there = given.get(name)
    inner = get_named_type(kind.fields[name].type)
    if rest and isinstance(inner, GraphQLInputObjectType):
        base = there[0] if isinstance(there, list) else there or {}
        value = _put(inner, {**_required(inner), **base}, rest, value)
    listed = isinstance(get_nullable_type(kind.fields[name].type), GraphQLList)
    # A list that is given whole stays as it is.
    return {**given, name: [value] if listed and not isinstance(value, list) else value}


def _required(kind: GraphQLInputObjectType) -> dict[str, Any]:
    return {name: "x" for name, field in kind.fields.items() if is_required_input_field(field)}
