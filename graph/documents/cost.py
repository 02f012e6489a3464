"""What an operation may cost, from the page sizes that it asks for, before anything runs.

The unit is a row. A connection costs its page: as many rows as it may return, each with what is nested in
it; a lone object costs one row with what is nested in it; what shows a part of a row costs nothing. What is
only looked at costs a row for each thousand: what a count may count, and the log that a text is searched in,
which is taken for a long one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLInt,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
)

from graph.arguments import COUNT_CAP, DEFAULT_PAGE
from graph.auth.scopes import scope_of

_PAGE_ARGUMENTS = ("first", "last")
_LOOKED_AT_PER_ROW = 1000
# Only searches for a text look through what no index finds.
_SEARCH = "text"
_SEARCHED_ROWS = 100_000
_UNPAGED = 1


@dataclass(frozen=True, slots=True)
class Sizes:
    """Where the size of a field is found: in one of these values, else it is `default`."""

    values: tuple[ValueNode, ...]
    default: int

    def of(self, variables: Mapping[str, Any]) -> int:
        """The number of rows; the length of what turns out to be a list."""
        found = [size for value in self.values if (size := _size(value, variables)) is not None]
        return max(found, default=self.default)


def _size(value: ValueNode, variables: Mapping[str, Any]) -> int | None:
    given: int | None = None
    if isinstance(value, IntValueNode):
        given = int(value.value) if len(value.value) < 20 else None
    elif isinstance(value, ListValueNode):
        given = len(value.values)
    elif isinstance(value, VariableNode):
        given = variables.get(value.name.value)
        given = len(given) if isinstance(given, list) else _coerced(given)
    # Anything else, as a negative page, is refused where it is used.
    return given if given is not None and given >= 0 else None


def _coerced(given: Any) -> int | None:
    """What the executor will make of a variable: to GraphQL, 500.0 is a whole number too."""
    try:
        number: int = GraphQLInt.coerce_input_value(given)
    except GraphQLError:
        return None
    return number


@dataclass(slots=True)
class Price:
    """A field's own size, and what each of its rows brings along; a count belongs to the page as a whole."""

    size: int | Sizes
    parts: list["Price"] = field(default_factory=list)
    row: int = 1
    counts: bool = False
    searched: ValueNode | None = None

    @staticmethod
    def merged(prices: list["Price"], parts: list["Price"]) -> "Price | None":
        """The price of fields that are merged into one; None where they cost nothing."""
        if not prices:
            return Price(1, parts, row=0) if parts else None
        first = prices[0]
        if len(prices) > 1 and any(isinstance(price.size, Sizes) for price in prices):
            values = [size.values for price in prices if isinstance(size := price.size, Sizes)]
            defaults = [price.size.default if isinstance(price.size, Sizes) else 1 for price in prices]
            first.size = Sizes(tuple(value for group in values for value in group), max(defaults))
        if not parts and first.row == 0:
            return None
        first.parts = parts
        return first

    @property
    def fixed(self) -> int | None:
        """The total, where it is the same whatever the variables are; else None."""
        return self.total({}) if self._is_fixed() else None

    def _is_fixed(self) -> bool:
        own = isinstance(self.size, int) and self.searched is None
        return own and all(part._is_fixed() for part in self.parts)

    def total(self, variables: Mapping[str, Any]) -> int:
        """Rows that the operation may touch with these variables."""
        size = self.size if isinstance(self.size, int) else self.size.of(variables)
        if self.counts:
            return 1 + size // _LOOKED_AT_PER_ROW
        looked_at = _SEARCHED_ROWS // _LOOKED_AT_PER_ROW if _searches(self.searched, variables) else 0
        per_row = self.row + sum(part.total(variables) for part in self.parts if not part.counts)
        return looked_at + size * per_row + sum(part.total(variables) for part in self.parts if part.counts)


def price_of(node: FieldNode, definition: GraphQLField) -> Price:
    """The price of one field by itself."""
    arguments = {argument.name.value: argument.value for argument in node.arguments or ()}
    if "upTo" in definition.args:
        return Price(_sizes(arguments, ("upTo",), COUNT_CAP), counts=True)
    if "first" in definition.args:
        return Price(_sizes(arguments, _PAGE_ARGUMENTS, DEFAULT_PAGE), searched=arguments.get("filter"))
    if "ids" in definition.args:
        return Price(_sizes(arguments, ("ids",), _UNPAGED))
    # What reads the database declares a scope; what passes rows on, as `edges` and `nodes`, does not.
    return Price(1, row=0 if scope_of(definition) is None else 1)


def _sizes(arguments: dict[str, ValueNode], names: tuple[str, ...], default: int) -> Sizes:
    return Sizes(tuple(arguments[name] for name in names if name in arguments), default)


def _searches(filter: ValueNode | None, variables: Mapping[str, Any]) -> bool:
    """Whether a filter, by what the document or the variables say, searches for a text."""
    given: Any = None
    if isinstance(filter, ObjectValueNode):
        value = next((part.value for part in filter.fields if part.name.value == _SEARCH), None)
        given = variables.get(value.name.value) if isinstance(value, VariableNode) else value
    elif isinstance(filter, VariableNode):
        given = variables.get(filter.name.value)
        given = given.get(_SEARCH) if isinstance(given, dict) else None
    return given is not None
