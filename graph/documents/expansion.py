"""One walk over an operation as the executor would take it: counts, scopes and prices on the way.

Fragments are expanded and fields of one name merged, as execution does, so that a document can't hide its
size in fragments. The walk stops at the first limit that is passed: however a document is made, measuring
it costs no more than the limits allow, before any of the quadratic rules of validation sees it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)
from graphql.type import SchemaMetaFieldDef, TypeMetaFieldDef

from db.enums import Scope
from graph.auth.scopes import scope_of
from graph.documents.cost import Price, price_of
from graph.errors import too_complex
from graph.limits import DocumentLimits

_Scopes = dict[Scope, FieldNode]
_INTROSPECTION: dict[str, GraphQLField] = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


@dataclass(slots=True)
class Measured:
    """What one operation asks for: the scopes it needs, each with a field that needs it, and its price.

    `fields` is how many it selects, its fragments expanded.
    """

    price: Price
    fields: int
    scopes: _Scopes = field(default_factory=dict)
    _fixed: int | None = field(init=False)

    def __post_init__(self) -> None:
        self._fixed = self.price.fixed

    def cost(self, defaults: Mapping[str, Any], variables: Mapping[str, Any]) -> int:
        """Rows that it may touch with these variables."""
        return self.price.total({**defaults, **variables}) if self._fixed is None else self._fixed


@dataclass(slots=True)
class _Counts:
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    duplicates: int = 0


@dataclass(slots=True)
class _Part:
    """A selection set, and the type it is on; None where the document is wrong about it."""

    selections: SelectionSetNode
    parent: GraphQLNamedType | None


class Expansion:
    """Measures the operations and fragments of one document against common counts."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, limits: DocumentLimits) -> None:
        self._schema = schema
        self._limits = limits
        self._counts = _Counts()
        self._scopes: _Scopes = {}
        self._reached: set[str] = set()
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }

    def measure(self, operation: OperationDefinitionNode) -> Measured:
        """What the operation asks for; raises `GraphQLError` with TOO_COMPLEX past a limit."""
        self._scopes = {}
        before = self._counts.fields
        self._count_directives(operation)
        root = self._schema.get_root_type(operation.operation)
        price = Price(1, self._level([_Part(operation.selection_set, root)], depth=1), row=0)
        return Measured(price, self._counts.fields - before, self._scopes)

    def measure_unused(self) -> None:
        """Count the fragments that no operation uses: validation would walk them all the same."""
        for name, fragment in self._fragments.items():
            if name not in self._reached:
                self._level([self._part(fragment)], depth=1)

    def _part(self, fragment: FragmentDefinitionNode | InlineFragmentNode) -> _Part:
        condition = fragment.type_condition
        kind = self._schema.type_map.get(condition.name.value) if condition else None
        return _Part(fragment.selection_set, kind)

    def _level(self, parts: list[_Part], depth: int) -> list[Price]:
        """The prices of the merged fields of selection sets that execution would merge."""
        if depth > self._limits.depth:
            raise too_complex(f"The document is nested more than {self._limits.depth} levels deep.")
        merged: dict[str, list[tuple[FieldNode, GraphQLNamedType | None]]] = {}
        spread: set[str] = set()
        for part in parts:
            for node, parent in self._fields(part, spread):
                merged.setdefault(node.alias.value if node.alias else node.name.value, []).append(
                    (node, parent)
                )
        prices = [self._field(nodes, depth) for nodes in merged.values()]
        return [price for price in prices if price is not None]

    def _fields(self, part: _Part, spread: set[str]) -> Iterator[tuple[FieldNode, GraphQLNamedType | None]]:
        for selection in part.selections.selections:
            self._count_directives(selection)
            if isinstance(selection, FieldNode):
                self._count_field(selection)
                yield selection, part.parent
            elif isinstance(selection, InlineFragmentNode):
                inner = self._part(selection)
                yield from self._fields(_Part(inner.selections, inner.parent or part.parent), spread)
            elif isinstance(selection, FragmentSpreadNode):
                # Counted like a field: operations by the dozen could each walk a long chain of fragments.
                self._count_field(selection)
                name = selection.name.value
                fragment = self._fragments.get(name)
                self._reached.add(name)
                if fragment is not None and name not in spread:
                    spread.add(name)
                    yield from self._fields(self._part(fragment), spread)

    def _field(self, nodes: list[tuple[FieldNode, GraphQLNamedType | None]], depth: int) -> Price | None:
        self._counts.duplicates += len(nodes) - 1
        if self._counts.duplicates > self._limits.duplicates:
            raise too_complex(
                f"The document repeats fields more than {self._limits.duplicates} times.", nodes[-1][0]
            )
        parts, prices = [], []
        for node, parent in nodes:
            definition = self._definition(node, parent)
            if definition is not None:
                scope = scope_of(definition)
                if scope is not None:
                    self._scopes.setdefault(scope, node)
                prices.append(price_of(node, definition))
            if node.selection_set:
                parts.append(
                    _Part(node.selection_set, get_named_type(definition.type) if definition else None)
                )
        children = self._level(parts, depth + 1) if parts else []
        return Price.merged(prices, children)

    def _definition(self, node: FieldNode, parent: GraphQLNamedType | None) -> GraphQLField | None:
        name = node.name.value
        if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) and name in parent.fields:
            own: GraphQLField = parent.fields[name]
            return own
        if parent is self._schema.query_type:
            return _INTROSPECTION.get(name)
        return None

    def _count_field(self, node: FieldNode | FragmentSpreadNode) -> None:
        self._counts.fields += 1
        if self._counts.fields > self._limits.fields:
            raise too_complex(
                f"The document selects more than {self._limits.fields} fields, its fragments expanded.", node
            )
        if isinstance(node, FieldNode) and node.alias:
            self._counts.aliases += 1
            if self._counts.aliases > self._limits.aliases:
                raise too_complex(f"The document has more than {self._limits.aliases} aliases.", node)

    def _count_directives(self, node: OperationDefinitionNode | object) -> None:
        directives = getattr(node, "directives", None)
        if directives:
            self._counts.directives += len(directives)
            if self._counts.directives > self._limits.directives:
                raise too_complex(
                    f"The document has more than {self._limits.directives} directives.", directives[-1]
                )
