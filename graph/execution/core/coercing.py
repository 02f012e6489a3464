"""From a schema's input types to what coerces variables, literals and arguments."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING as NO_DEFAULT
from typing import Any

import strawberry
from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
    is_required_argument,
    is_required_input_field,
    parse,
    type_from_ast,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from db.errors import InvalidInput
from graph.execution import inputs
from graph.execution.errors import attempted
from graph.execution.inputs import (
    MISSING,
    Arguments,
    Coercion,
    EnumInput,
    InputField,
    LeafInput,
    ListInput,
    Literal,
    ObjectInput,
    ObjectLiteral,
    OptionalInput,
    RequiredInput,
    Variable,
)
from graph.private import core_schema, definition_of, scalar_registry

_MOST_ERRORS = 50  # as graphql-core's executor
_EXACT: dict[str, type] = {"String": str, "ID": str, "Boolean": bool}


class Inputs:
    """The coercions of a schema's input types, each made once."""

    def __init__(self, schema: strawberry.Schema, *, hide_suggestions: bool) -> None:
        self._schema = core_schema(schema)
        self._config = schema.config
        self._registry = scalar_registry(schema)
        self._hide_suggestions = hide_suggestions
        self._objects: dict[str, ObjectInput] = {}

    def variables(self, operation: OperationDefinitionNode) -> tuple[Variable, ...]:
        """What an operation declares."""
        found = []
        for declared in operation.variable_definitions or ():
            kind: Any = type_from_ast(self._schema, declared.type)
            default = declared.default_value
            found.append(
                Variable(
                    declared.variable.name.value,
                    self._coercion(kind),
                    isinstance(kind, GraphQLNonNull),
                    None if default is None else self._literal(default, kind),
                )
            )
        return tuple(found)

    def value(self, name: str, given: Any) -> Any:
        """What JSON is as an input type; raises `InvalidInput` saying what is wrong with it."""
        operation = parse(f"query ($given: {name}!) {{ __typename }}").definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        if wrong := self.wrong_variables(operation, {"given": given}):
            raise InvalidInput(wrong[0].message)
        return inputs.coerced_variables(self.variables(operation), {"given": given})["given"]

    def arguments(self, definition: GraphQLField, declared: StrawberryField, node: FieldNode) -> Arguments:
        """What was written of a field's arguments."""
        python_names = {
            self._config.name_converter.from_argument(argument): argument.python_name
            for argument in declared.arguments
        }
        written = {argument.name.value: argument.value for argument in node.arguments or ()}
        return Arguments(
            tuple(
                (python_names[name], is_required_argument(argument), self._literal(value, argument.type))
                for name, argument in definition.args.items()
                if (value := written.get(name)) is not None
            ),
            (definition, declared, node),
        )

    def wrong_variables(
        self, operation: OperationDefinitionNode, given: Mapping[str, Any]
    ) -> list[GraphQLError]:
        """What graphql-core finds wrong with variables."""
        found = self._by_core(operation, given)
        return found if isinstance(found, list) else []

    def arguments_by_core(
        self, operation: OperationDefinitionNode, given: Mapping[str, Any], source: Any
    ) -> dict[str, Any]:
        """A field's arguments as graphql-core and Strawberry make them; raises what is wrong with them."""
        definition, declared, node = source
        variables = self._by_core(operation, given)
        assert isinstance(variables, VariableValues)
        values = get_argument_values(definition, node, variables, hide_suggestions=self._hide_suggestions)
        return convert_arguments(values, declared.arguments, self._registry, self._config)

    def _by_core(
        self, operation: OperationDefinitionNode, given: Mapping[str, Any]
    ) -> VariableValues | list[GraphQLError]:
        declared = operation.variable_definitions or ()
        return get_variable_values(self._schema, declared, dict(given), _MOST_ERRORS, self._hide_suggestions)

    def _coercion(self, kind: Any) -> Coercion:
        if isinstance(kind, GraphQLNonNull):
            return RequiredInput(self._bare(kind.of_type))
        return OptionalInput(self._bare(kind))

    def _bare(self, kind: Any) -> Coercion:
        if isinstance(kind, GraphQLList):
            return ListInput(self._coercion(kind.of_type))
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(kind)
        assert isinstance(kind, GraphQLScalarType | GraphQLEnumType)
        coerce: Any = kind.coerce_input_value
        if isinstance(kind, GraphQLEnumType):
            return EnumInput(coerce)
        return LeafInput(coerce, _EXACT.get(kind.name))

    def _object(self, kind: GraphQLInputObjectType) -> ObjectInput:
        known = self._objects.get(kind.name)
        if known is None:
            definition = definition_of(kind)
            known = self._objects[kind.name] = ObjectInput(definition.origin, definition.is_one_of)
            known.fields = {
                name: InputField(
                    name,
                    definition_of(field).python_name,
                    self._coercion(field.type),
                    is_required_input_field(field),
                    _absent(definition_of(field)),
                )
                for name, field in kind.fields.items()
            }
            fields = known.fields.values()
            known.required = frozenset(field.name for field in fields if field.required)
            known.absent = {
                field.python_name: field.absent for field in fields if field.absent is not MISSING
            }
        return known

    def _literal(self, node: ValueNode, kind: Any) -> Literal:
        required = isinstance(kind, GraphQLNonNull)
        bare = kind.of_type if required else kind
        if isinstance(node, VariableNode):
            return inputs.named(node.name.value, required=required)
        if isinstance(node, NullValueNode):
            return inputs.unfit if required else inputs.constant(None)
        if isinstance(bare, GraphQLList):
            items: Sequence[ValueNode] = node.values if isinstance(node, ListValueNode) else (node,)
            item_required = isinstance(bare.of_type, GraphQLNonNull)
            return inputs.listed(
                [self._literal(item, bare.of_type) for item in items], required=item_required
            )
        if isinstance(bare, GraphQLInputObjectType):
            return self._object_literal(node, bare)
        return _leaf_literal(node, bare)

    def _object_literal(self, node: ValueNode, kind: GraphQLInputObjectType) -> Literal:
        if not isinstance(node, ObjectValueNode):
            return inputs.unfit
        written = {field.name.value: field.value for field in node.fields}
        if not written.keys() <= kind.fields.keys():
            return inputs.unfit
        made = self._object(kind)
        return ObjectLiteral(
            made.made_of,
            made.one_of,
            tuple(
                (
                    field,
                    self._literal(written[field.name], kind.fields[field.name].type)
                    if field.name in written
                    else None,
                )
                for field in made.fields.values()
            ),
        )


def _absent(field: StrawberryField) -> Any:
    """What Strawberry gives where a field without a default is left out."""
    without = field.default_value is NO_DEFAULT and field.default_factory is NO_DEFAULT
    return None if without else MISSING


def _leaf_literal(node: ValueNode, kind: Any) -> Literal:
    if _has_variables(node):
        return inputs.unfit
    if kind.coerce_input_literal is not None:
        value = attempted(kind.coerce_input_literal, node)
    else:
        value = attempted(kind.parse_literal, node, None)
    return inputs.unfit if isinstance(value, Exception) else inputs.constant(value)


def _has_variables(node: ValueNode) -> bool:
    if isinstance(node, ListValueNode):
        return any(map(_has_variables, node.values))
    if isinstance(node, ObjectValueNode):
        return any(_has_variables(field.value) for field in node.fields)
    return isinstance(node, VariableNode)
