"""From an operation to its plan, by the schema that graphql-core would use.

What a plan can't do is found here, once a document, and such a document is graphql-core's as a whole.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
    is_abstract_type,
)
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from strawberry.types.field import StrawberryField

from graph.connections import FETCH, Connection, Edge, Fetch
from graph.execution.completion import Completion, Leaf, Listed, Nested, Variants
from graph.execution.connections import Cursor, Inside, Items, Paged
from graph.execution.core.coercing import Inputs
from graph.execution.core.leaves import explained, shown, stored
from graph.execution.errors import Spot
from graph.execution.fields import (
    Computed,
    Field,
    Handler,
    Identity,
    Itself,
    Known,
    Loaded,
    Plain,
    Resolved,
    TypeName,
)
from graph.execution.plan import Asked, Column, ObjectPlan, Plan
from graph.loaded import LEVEL, LevelLoad
from graph.nodes import Node
from graph.private import core_schema, definition_of

_KNOWN_DIRECTIVES = frozenset({"skip", "include"})
_Fields = list[FieldDetails]


class Unplanned(Exception):
    """No plan can be made of this document; `reason` is a word for the counter."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Compiler:
    """Makes the plan of one operation for what its conditions were decided to."""

    def __init__(
        self,
        schema: strawberry.Schema,
        inputs: Inputs,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        conditions: dict[str, Any],
    ) -> None:
        self._schema = core_schema(schema)
        self._converter = schema.schema_converter
        self._inputs = inputs
        self._operation = operation
        self._conditions = VariableValues({}, conditions)
        self._fragments = {
            definition.name.value: FragmentDetails(definition)
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }

    def plan(self) -> Plan:
        """The plan; raises `Unplanned` for what graphql-core must answer."""
        kind = self._operation.operation
        root = self._schema.get_root_type(kind)
        assert root is not None
        collected = collect_fields(
            self._schema, self._fragments, self._conditions, root, self._operation
        ).grouped_field_set
        return Plan(self._objects(root, collected), serial=kind is OperationType.MUTATION)

    def _objects(self, kind: GraphQLObjectType, grouped: dict[str, _Fields]) -> ObjectPlan:
        plan = ObjectPlan(tuple((key, self._column(kind, key, fields)) for key, fields in grouped.items()))
        return _sharing(plan)

    def _nested(self, kind: GraphQLObjectType, fields: _Fields) -> ObjectPlan:
        grouped = collect_subfields(
            self._schema, self._fragments, self._conditions, self._operation, kind, fields
        ).grouped_field_set
        return self._objects(kind, grouped)

    def _column(self, parent: GraphQLObjectType, key: str, fields: _Fields) -> Column:
        nodes = [details.node for details in fields]
        _refuse_directives(nodes)
        name = nodes[0].name.value
        if name == "__typename":
            return TypeName(parent.name)
        definition = parent.fields.get(name)
        declared = None if definition is None else definition_of(definition)
        if definition is None:
            raise Unplanned("introspection")
        if not isinstance(declared, StrawberryField) or declared.extensions:
            raise Unplanned("field")
        spot = Spot(nodes, parent.name, name)
        if issubclass(_origin(parent), Connection | Edge):
            special = self._of_connection(parent, key, declared, definition, fields, spot)
            if special is not None:
                return special
        if declared.base_resolver is None:
            return self._plain(parent, key, declared, definition, fields, spot)
        field = Field(
            key,
            spot,
            self._inputs.arguments(definition, declared, nodes[0]),
            self._completion(definition.type, fields, spot),
        )
        return self._resolved(parent, declared, definition, field)

    def _plain(
        self,
        parent: GraphQLObjectType,
        key: str,
        declared: StrawberryField,
        definition: GraphQLField,
        fields: _Fields,
        spot: Spot,
    ) -> Column:
        origin = _origin(parent)
        name = declared.python_name
        if name == "id" and issubclass(origin, Node):
            return Identity(origin.kind, tuple(part.column for part in origin.source.key))
        made = self._completion(definition.type, fields, spot)
        return Plain(key, name, stored(definition.type, made), made)

    def _resolved(
        self, parent: GraphQLObjectType, declared: StrawberryField, definition: GraphQLField, field: Field
    ) -> Column:
        resolver = declared.base_resolver
        assert resolver is not None
        fetch, how = declared.metadata.get(FETCH), declared.metadata.get(LEVEL)
        if isinstance(fetch, Fetch):
            needs = frozenset(fetch.parent) if fetch.parent else None
            return Paged(field, fetch, needs, _columns_of_page(field.completion))
        if isinstance(how, LevelLoad):
            return _loaded(field, how, definition)
        if declared.is_subscription:
            return Itself(field)
        resolve: Any = resolver.wrapped_func
        takes_info = resolver.info_parameter
        is_root = parent in (self._schema.query_type, self._schema.mutation_type)
        if not resolver.is_async and not is_root and not declared.arguments and takes_info is None:
            return Computed(field, resolve)
        info = None if takes_info is None else takes_info.name
        return Resolved(field, resolve, info, self._handler(declared), is_root, together=resolver.is_async)

    def _handler(self, declared: StrawberryField) -> Handler | None:
        handlers = self._converter._get_field_exception_handlers(declared)
        if not handlers:
            return None

        def handle(error: Exception, asked: Asked) -> Any:
            for kinds, handler in handlers:
                if isinstance(error, kinds):
                    return handler.handle(error, field=declared, info=asked)  # type: ignore[arg-type]
            return None

        return handle

    def _completion(self, kind: Any, fields: _Fields, spot: Spot) -> Completion:
        nullable = not isinstance(kind, GraphQLNonNull)
        bare = kind if nullable else kind.of_type
        if isinstance(bare, GraphQLList):
            return Listed(self._completion(bare.of_type, fields, spot), nullable, spot)
        if isinstance(bare, GraphQLScalarType | GraphQLEnumType):
            return Leaf(shown(bare), explained(bare), nullable, spot)
        if is_abstract_type(bare):
            possible = self._schema.get_possible_types(bare)
            plans = {_origin(one): self._nested(one, fields) for one in possible}
            return Variants(plans, nullable, spot)
        return Nested(self._nested(bare, fields), nullable, spot)

    def _of_connection(
        self,
        parent: GraphQLObjectType,
        key: str,
        declared: StrawberryField,
        definition: GraphQLField,
        fields: _Fields,
        spot: Spot,
    ) -> Column | None:
        inner: Any = get_named_type(definition.type)
        match declared.python_name:
            case "nodes" | "edges":
                pages = self._completion(definition.type, fields, spot)
                bare = pages.item if isinstance(pages, Listed) else pages
                assert isinstance(pages, Listed)
                assert isinstance(bare, Nested)
                return Items(key, bare.plan, _builder(inner), bare, pages)
            case "node":
                completion = self._completion(definition.type, fields, spot)
                assert isinstance(completion, Nested)
                return Inside(key, completion.plan, _builder(inner), completion)
            case "cursor":
                return Cursor()
        return None


def _loaded(field: Field, how: LevelLoad, definition: GraphQLField) -> Column:
    made, kind = field.completion, get_named_type(definition.type)
    if how.source is not None:
        field = replace(field, completion=_of_rows(made, kind))
    column = Loaded(field, how.load, how.columns)
    if how.written is None:
        return column
    assert isinstance(made, Nested)
    return Known(column, how.written, made.plan.needs, _of_rows(made, kind))


def _of_rows(completion: Completion, kind: Any) -> Completion:
    """The same for values that are rows of a type's table."""
    if isinstance(completion, Listed):
        return replace(completion, item=_of_rows(completion.item, kind))
    assert isinstance(completion, Nested)
    return replace(completion, build=_builder(kind))


def _builder(kind: GraphQLObjectType) -> Callable[[Any], Any]:
    """Makes the objects of a type's rows; edges stay rows."""
    origin: Any = _origin(kind)
    if issubclass(origin, Edge):
        return lambda row: row
    made: Callable[[Any], Any] = origin.from_row
    return made


def _columns_of_page(completion: Completion) -> frozenset[str] | None:
    """The columns of its rows that a connection shows, of all its fields together."""
    assert isinstance(completion, Nested)
    needs = [column.plan.needs for _, column in completion.plan.entries if isinstance(column, Items)]
    if None in needs:
        return None
    return frozenset().union(*(need for need in needs if need is not None))


def _sharing(plan: ObjectPlan) -> ObjectPlan:
    """The same where connections of one list fetch what all of them show: those that ask alike share it."""
    paged: dict[int, list[frozenset[str] | None]] = {}
    for _, column in plan.entries:
        if isinstance(column, Paged):
            paged.setdefault(id(column.fetch), []).append(column.columns)
    if all(len(needs) == 1 for needs in paged.values()):
        return plan

    def shared(column: Column) -> Column:
        if not isinstance(column, Paged):
            return column
        needs = paged[id(column.fetch)]
        columns = None if None in needs else frozenset().union(*(need for need in needs if need is not None))
        return Paged(column.field, column.fetch, column.needs, columns)

    return ObjectPlan(tuple((key, shared(column)) for key, column in plan.entries))


def _origin(kind: GraphQLObjectType) -> type:
    origin: type = definition_of(kind).origin
    return origin


def _refuse_directives(nodes: list[FieldNode]) -> None:
    for node in nodes:
        for directive in node.directives or ():
            if directive.name.value not in _KNOWN_DIRECTIVES:
                raise Unplanned("directive")
