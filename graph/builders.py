"""The register that tells what a table's rows become."""

from collections.abc import Callable
from typing import Any

from db.queries.pages import Row
from db.queries.sources import Source

_BUILDERS: dict[str, Callable[[Row], Any]] = {}


def shown_as(source: Source, build_row: Callable[[Row], Any]) -> None:
    """Register what the rows of a table become."""
    _BUILDERS[source.table] = build_row


def build(source: Source, row: Row) -> Any:
    """The object that a row of `source` becomes."""
    return _BUILDERS[source.table](row)
