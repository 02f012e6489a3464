"""From a query to its plan, by the schema that graphql-core would use."""

import asyncio
from dataclasses import dataclass
from typing import Any

from graphql import (
    Executor,
    FieldNode,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    VariableNode,
    Visitor,
    get_named_type,
    visit,
)
from graphql.execution.collect_fields import FieldDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from graph.connections import FETCH, ConnectionFetch
from graph.execution.columns import Arguments, Awaited, Column, Computed, Identity, Plain, TypeName
from graph.execution.completion import Completion, Listed, Nested, leaf
from graph.execution.connections import Count, Edges, Named, Nodes, Paged, Place
from graph.execution.level import HandOver, Level, Run
from graph.nodes import Node, build

_DEFINITION = "strawberry-definition"
_Fields = list[FieldDetails]


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """What the document shows of the objects of one level: response keys, each with its column."""

    entries: tuple[tuple[str, Column], ...]

    async def answer(self, level: Level, run: Run) -> list[dict[str, Any]]:
        """A dictionary an object, put together from columns."""
        # Together, so that those who ask the same loader share a statement.
        awaited = [column for _, column in self.entries if isinstance(column, Awaited)]
        loaded = iter(await asyncio.gather(*(column.values(level, run) for column in awaited)))
        columns = [
            next(loaded) if isinstance(column, Awaited) else await column.values(level, run)
            for _, column in self.entries
        ]
        keys = [key for key, _ in self.entries]
        return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]


class Compiler:
    """Makes the plan of one operation; `executor` was built for it and tells fragments and variables."""

    def __init__(
        self, schema: GraphQLSchema, config: StrawberryConfig, registry: Any, executor: Executor[Any]
    ):
        self._schema = schema
        self._config = config
        self._registry = registry
        self._executor = executor

    def plan(self) -> ObjectPlan:
        """The plan of the query; raises `HandOver` for one that graphql-core must answer."""
        executor, root = self._executor, self._schema.query_type
        assert root is not None
        collected = collect_fields(
            self._schema, executor.fragments, executor.variable_values, root, executor.operation
        )
        return self._objects(root, collected.grouped_field_set)

    def _subfields(self, kind: GraphQLObjectType, fields: _Fields) -> dict[str, _Fields]:
        executor = self._executor
        return collect_subfields(
            self._schema, executor.fragments, executor.variable_values, executor.operation, kind, fields
        ).grouped_field_set

    def _objects(self, kind: GraphQLObjectType, grouped: dict[str, _Fields]) -> ObjectPlan:
        return ObjectPlan(tuple((key, self._column(kind, fields)) for key, fields in grouped.items()))

    def _nested(self, kind: Any, fields: _Fields) -> ObjectPlan:
        if not isinstance(kind, GraphQLObjectType):
            raise HandOver  # only known at run time
        return self._objects(kind, self._subfields(kind, fields))

    def _column(self, parent: GraphQLObjectType, fields: _Fields) -> Column:
        node = fields[0].node
        if node.name.value == "__typename":
            return TypeName(parent.name)
        definition = parent.fields.get(node.name.value)
        declared = None if definition is None else definition.extensions.get(_DEFINITION)
        if definition is None or not isinstance(declared, StrawberryField) or declared.extensions:
            raise HandOver
        arguments = self._arguments(definition, declared, node)
        fetch = declared.metadata.get(FETCH)
        if isinstance(fetch, ConnectionFetch):
            return self._paged(fetch, definition, arguments, fields)
        if declared.base_resolver is None:
            return self._plain(parent, declared, definition, fields)
        return self._resolved(parent, declared, definition, arguments, fields)

    def _plain(
        self, parent: GraphQLObjectType, declared: StrawberryField, definition: GraphQLField, fields: _Fields
    ) -> Column:
        origin = _origin(parent)
        name = declared.python_name
        if name == "id" and issubclass(origin, Node):
            return Identity(origin.kind, tuple(part.column for part in origin.source.key))
        made = self._completion(definition.type, fields)
        stored = leaf(definition.type, stored=True)
        return Plain(name, stored or made, made)

    def _resolved(
        self,
        parent: GraphQLObjectType,
        declared: StrawberryField,
        definition: GraphQLField,
        arguments: Arguments,
        fields: _Fields,
    ) -> Column:
        resolver = declared.base_resolver
        assert resolver is not None
        resolve: Any = resolver.wrapped_func
        completion = self._completion(definition.type, fields)
        if resolver.is_async:
            is_root = parent is self._schema.query_type
            return Awaited(resolve, arguments, completion, is_root)
        if declared.arguments or resolver.info_parameter is not None:
            raise HandOver
        return Computed(resolve, completion)

    def _completion(self, kind: Any, fields: _Fields) -> Completion:
        shown = leaf(kind, stored=False)
        if shown is not None:
            return shown
        nullable = not isinstance(kind, GraphQLNonNull)
        bare = kind if nullable else kind.of_type
        if isinstance(bare, GraphQLList):
            return Listed(self._completion(bare.of_type, fields), nullable)
        return Nested(self._nested(bare, fields), nullable)

    def _paged(
        self, fetch: ConnectionFetch, definition: GraphQLField, arguments: Arguments, fields: _Fields
    ) -> Paged:
        kind = get_named_type(definition.type)
        assert isinstance(kind, GraphQLObjectType)
        grouped = self._subfields(kind, fields)
        entries = tuple((key, self._of_connection(kind, fetch, chosen)) for key, chosen in grouped.items())
        return Paged(fetch, arguments, entries)

    def _of_connection(
        self, kind: GraphQLObjectType, fetch: ConnectionFetch, fields: _Fields
    ) -> Nodes | Edges | Place | Count | Named:
        name = fields[0].node.name.value
        if name == "__typename":
            return Named(kind.name)
        definition = kind.fields[name]
        inner = get_named_type(definition.type)
        match name:
            case "nodes":
                return self._nodes(inner, fetch, fields)
            case "edges":
                assert isinstance(inner, GraphQLObjectType)
                grouped = self._subfields(inner, fields)
                return Edges(
                    tuple((key, self._of_edge(inner, fetch, chosen)) for key, chosen in grouped.items())
                )
            case "pageInfo":
                return Place(self._nested(inner, fields))
            case "totalCount" | "totalCountIsExact":
                declared = definition.extensions[_DEFINITION]
                arguments = self._arguments(definition, declared, fields[0].node)
                return Count(arguments, exact=name == "totalCountIsExact")
        raise HandOver

    def _of_edge(
        self, kind: GraphQLObjectType, fetch: ConnectionFetch, fields: _Fields
    ) -> Nodes | str | None:
        name = fields[0].node.name.value
        if name == "node":
            return self._nodes(get_named_type(kind.fields[name].type), fetch, fields)
        return None if name == "cursor" else kind.name

    def _nodes(self, kind: Any, fetch: ConnectionFetch, fields: _Fields) -> Nodes:
        source = fetch.relation.source
        return Nodes(self._nested(kind, fields), lambda row: build(source, row))

    def _arguments(self, definition: GraphQLField, declared: StrawberryField, node: FieldNode) -> Arguments:
        def given(variables: VariableValues) -> dict[str, Any]:
            values = get_argument_values(definition, node, variables)
            return convert_arguments(values, declared.arguments, self._registry, self._config)

        if _has_variables(node):
            return lambda run: given(run.variables)
        constant = given(self._executor.variable_values) if declared.arguments else {}
        return lambda run: constant


def _origin(kind: GraphQLObjectType) -> type:
    declared: Any = kind.extensions.get(_DEFINITION)
    origin: type = declared.origin
    return origin


class _Variables(Visitor):
    found = False

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.found = True


def _has_variables(node: FieldNode) -> bool:
    looking = _Variables()
    for argument in node.arguments or ():
        visit(argument, looking)
    return looking.found
