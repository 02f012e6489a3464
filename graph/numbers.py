"""The numbers of JSON and of GraphQL's literals, as Python values that are written as they were meant."""

import math
from decimal import Decimal
from typing import Any

from graphql import FloatValueNode, IntValueNode, ListValueNode, ObjectValueNode, ValueNode
from graphql.utilities import value_from_ast_untyped

_TOO_LARGE = 10**309


def whole_number(digits: str) -> int | float:
    """The number that an integer's digits stand for.

    Beyond 64 bits there are only doubles. JavaScript writes them out in digits up to 1e21, jsonb all of
    them: where the digits are exactly such a double, it is meant, and any other number stays whole, for who
    asked for it to refuse. A zero with a sign is a double as well. Raises ValueError for thousands of digits.
    """
    if digits == "-0":
        return -0.0
    number = int(digits)
    if -(2**63) <= number < 2**64:
        return number
    double = float(digits)
    return double if Decimal(repr(double)) == number else number


def literal_value(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
    """The JSON that a literal in a document stands for.

    A number too large for JSON becomes a whole one that is too large, and is refused as such.
    """
    match node:
        case IntValueNode() if len(node.value) < 4000:
            return whole_number(node.value)
        case IntValueNode() | FloatValueNode():
            number = float(node.value)
            return number if math.isfinite(number) else _TOO_LARGE
        case ListValueNode():
            return [literal_value(item, variables) for item in node.values]
        case ObjectValueNode():
            return {field.name.value: literal_value(field.value, variables) for field in node.fields}
    return value_from_ast_untyped(node, variables)


def has_no_number(value: Any) -> bool:
    """Whether a NaN or an infinity is in JSON, which orjson writes as null."""
    if isinstance(value, dict):
        return any(map(has_no_number, value.values()))
    if isinstance(value, list):
        return any(map(has_no_number, value))
    return isinstance(value, float) and not math.isfinite(value)
