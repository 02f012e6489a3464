"""One level of an answer: all objects of one type that one place of the document reaches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from graphql.execution.values import VariableValues

from db.queries.pages import Row
from graph.context import Context


class HandOver(Exception):
    """This query, with these variables and these rows, is for graphql-core to answer."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a plan is run with."""

    context: Context
    variables: VariableValues

    @property
    def info(self) -> Any:
        """What resolvers look at of graphql-core's info: the context."""
        return SimpleNamespace(context=self.context)


class Level:
    """The objects of a level: rows where the type shows those of a table, and objects once one is needed."""

    def __init__(
        self,
        *,
        rows: Sequence[Row] = (),
        objects: list[Any] | None = None,
        build: Callable[[Row], Any] | None = None,
    ) -> None:
        self._rows = rows
        self._objects = objects
        self._build = build
        # Two aliases of one list that ask alike share its pages.
        self.fetched: dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self._rows if self._objects is None else self._objects)

    @property
    def is_rows(self) -> bool:
        """Whether the columns can be read from rows."""
        return self._build is not None

    @property
    def rows(self) -> Sequence[Row]:
        """The rows, or those that the objects hold."""
        if self._build is None and self._objects is not None:
            return [getattr(item, "row", None) for item in self._objects]
        return self._rows

    @property
    def objects(self) -> list[Any]:
        """The objects that resolvers know, built when the first one asks."""
        if self._objects is None:
            assert self._build is not None
            self._objects = [self._build(row) for row in self._rows]
        return self._objects
