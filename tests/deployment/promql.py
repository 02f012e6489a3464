"""What an expression of Prometheus asks for."""

from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser as promql

# What Grafana puts in.
_PUT_IN = {"$__rate_interval": "5m"}


@dataclass(frozen=True)
class Asked:
    """A metric, what its labels are to be, and the labels that what stands around it groups or joins by."""

    metric: str
    matchers: tuple[promql.Matcher, ...]
    grouped: frozenset[str]

    @property
    def labels(self) -> set[str]:
        """Every label that it must have."""
        return {matcher.name for matcher in self.matchers} | self.grouped


def asked(expression: str) -> list[Asked]:
    """Every selector of an expression; raises ValueError where that is none."""
    for name, value in _PUT_IN.items():
        expression = expression.replace(name, value)
    return list(_walk(promql.parse(expression), frozenset()))


def _walk(node: promql.Expr, grouped: frozenset[str]) -> Iterator[Asked]:
    match node:
        case promql.VectorSelector():
            yield Asked(node.name or "", tuple(node.matchers.matchers), grouped)
        case promql.MatrixSelector():
            yield from _walk(node.vector_selector, grouped)
        case promql.AggregateExpr():
            labels = node.modifier.labels if node.modifier else []
            yield from _walk(node.expr, grouped.union(labels))
        case promql.BinaryExpr():
            matching = node.modifier.matching if node.modifier else None
            joined = grouped.union(matching.labels if matching else [])
            yield from _walk(node.lhs, joined)
            yield from _walk(node.rhs, joined)
        case promql.Call():
            for argument in node.args:
                yield from _walk(argument, grouped)
        case promql.ParenExpr() | promql.SubqueryExpr() | promql.UnaryExpr():
            yield from _walk(node.expr, grouped)
        case promql.NumberLiteral() | promql.StringLiteral():
            return
        case _:
            raise ValueError(f"It is not known what {type(node).__name__} asks for.")
