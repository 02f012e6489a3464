"""A document that may run, and the cache from its text to it."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLInputType,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    OverlappingFieldsCanBeMergedRule,
    parse,
    specified_rules,
    validate,
    value_from_ast_untyped,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graph.documents.expansion import Expansion, Measured
from graph.documents.inputs import list_variables
from graph.documents.variables import condition_variables, nested_variables
from graph.errors import Rejection, coded, invalid, too_complex
from graph.limits import DocumentLimits

# Each may come with a search for names that were meant.
_MOST_ERRORS = 5
_CACHED_DOCUMENTS = 1_000
_CACHED_CHARACTERS = 16 * 2**20

# The rule that compares fields pair by pair comes last: a document that is wrong otherwise never meets it.
_OVERLAPS = (OverlappingFieldsCanBeMergedRule,)
_RULES = (
    *(rule for rule in specified_rules if rule not in _OVERLAPS),
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document, with what it asks for.

    `lists` are its variables that can hold lists, `defaults` the values of those that have one;
    `nested_variables` are those used below its root fields, which shape a subscription's answers;
    `conditions` are those that directives use, and `compiled` is where others keep what
    they made of it.
    """

    node: OperationDefinitionNode
    name: str | None
    kind: OperationType
    measured: Measured
    lists: tuple[tuple[str, GraphQLInputType], ...]
    defaults: Mapping[str, Any]
    nested_variables: frozenset[str]
    conditions: tuple[str, ...]
    compiled: dict[Any, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was parsed, measured and validated; `hash` is the SHA-256 of its text, in hex."""

    text: str
    hash: str
    ast: DocumentNode
    operations: tuple[Operation, ...]

    def operation(self, name: str | None) -> Operation:
        """The operation with this name, or the only one; raises `Rejection` where that names none."""
        if name is None and len(self.operations) == 1:
            return self.operations[0]
        for operation in self.operations:
            if name is not None and operation.name == name:
                return operation
        names = ", ".join(operation.name or "(unnamed)" for operation in self.operations) or "none"
        wrong = "An `operationName` is needed" if name is None else f"There is no operation {name[:100]!r}"
        raise Rejection.of(f"{wrong}; the document has: {names}.", "BAD_USER_INPUT")


class Documents:
    """Every document that was seen lately, by its text; refusals are not kept, since they are cheap.

    Holds no result and nothing of who asked: callers share documents, never answers.
    """

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits, *, introspection: bool = True) -> None:
        self._schema = schema
        self._limits = limits
        self._hide_suggestions = not introspection
        self._rules = _RULES if introspection else (*_RULES, NoSchemaIntrospectionCustomRule)
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, text: str) -> Document:
        """The document; raises `Rejection` with all that is wrong with it."""
        known = self._kept.get(text)
        if known is not None:
            self._kept.move_to_end(text)
            return known
        document = self.prepare(text, self._limits)
        self._kept[text] = document
        self._characters += len(text)
        while len(self._kept) > _CACHED_DOCUMENTS or self._characters > _CACHED_CHARACTERS:
            gone, _ = self._kept.popitem(last=False)
            self._characters -= len(gone)
        return document

    def prepare(self, text: str, limits: DocumentLimits) -> Document:
        """Parse, measure and validate a document against these limits; raises `Rejection`."""
        try:
            ast = _parsed(text, limits)
            expansion = Expansion(self._schema, ast, limits)
            operations = tuple(
                self._operation(ast, node, expansion)
                for node in ast.definitions
                if isinstance(node, OperationDefinitionNode)
            )
            expansion.measure_unused()
        except GraphQLError as error:
            raise Rejection([coded(error)]) from error
        errors = self._validated(ast, self._rules) or self._validated(ast, _OVERLAPS)
        if errors:
            raise Rejection([invalid(error) for error in errors])
        return Document(text, hashlib.sha256(text.encode()).hexdigest(), ast, operations)

    def _operation(self, ast: DocumentNode, node: OperationDefinitionNode, expansion: Expansion) -> Operation:
        defaults = {
            definition.variable.name.value: value_from_ast_untyped(definition.default_value)
            for definition in node.variable_definitions or ()
            if definition.default_value is not None
        }
        name = node.name.value if node.name else None
        measured = expansion.measure(node)
        lists = list_variables(self._schema, node)
        nested, conditions = nested_variables(ast, node), condition_variables(ast)
        return Operation(node, name, node.operation, measured, lists, defaults, nested, conditions)

    def _validated(self, ast: DocumentNode, rules: Sequence[type]) -> list[GraphQLError]:
        return validate(
            self._schema, ast, rules, max_errors=_MOST_ERRORS, hide_suggestions=self._hide_suggestions
        )


def _parsed(text: str, limits: DocumentLimits) -> DocumentNode:
    if len(text) > limits.characters:
        raise too_complex(
            f"The document has {len(text)} characters, where {limits.characters} is the limit; "
            "values belong into variables."
        )
    try:
        return parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.tokens, no_location=False)
    except GraphQLSyntaxError as error:
        if "Parsing aborted" in error.message:  # by one of the limits
            raise too_complex(error.message.removeprefix("Syntax Error: ")) from error
        raise
