"""What an operation was compiled to, and how it runs.

A level is all objects of one type that one place of the document reaches, of all its parents together. A
column is a field over a level. An object's plan asks its columns one after another and puts dictionaries
together from them; a column that leads on makes the next level.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from graphql import GraphQLError

from db.queries.pages import Row
from graph.context import Context
from graph.execution.errors import Errors, Fault, Path, PathOf, faulty
from graph.execution.inputs import Arguments, Unfit


class Asked(NamedTuple):
    """What resolvers look at of graphql-core's info."""

    context: Context
    field_name: str


@dataclass(slots=True)
class Run:
    """What a plan is run with; `explain` has graphql-core read arguments, or say what is wrong with them.

    `shown` counts the values that the answer has so far.
    """

    context: Context
    variables: dict[str, Any]
    explain: Callable[[Any], dict[str, Any]]
    errors: Errors = field(default_factory=Errors)
    shown: int = 0

    def arguments(self, written: Arguments) -> dict[str, Any]:
        """The arguments of a field; raises `GraphQLError` where they do not fit."""
        try:
            return written.given(self.variables)
        except Unfit:
            return self.explain(written.source)


class Level:
    """The objects of a level: rows where the type shows those of a table, and objects once one is needed."""

    __slots__ = ("_build", "_objects", "_rows", "fetched", "path")

    def __init__(
        self,
        path: PathOf,
        *,
        rows: Sequence[Row] = (),
        objects: list[Any] | None = None,
        build: Callable[[Row], Any] | None = None,
    ) -> None:
        self.path = path
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

    def at(self, key: str) -> PathOf:
        """Where the cells of a field are."""
        path = self.path
        return lambda index: (*path(index), key)


class Column(Protocol):
    """A field of the document."""

    @property
    def needs(self) -> frozenset[str] | None:
        """The columns of a row that it looks at; None where it may look at all of them."""
        ...

    @property
    def together(self) -> bool:
        """Whether it is to be asked at one time with others, for loaders to put together what they ask."""
        ...

    async def cells(self, level: Level, run: Run) -> list[Any]:
        """What the answer shows of it for each object; faults only where null is none."""
        ...


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """What the document shows of the objects of one level: response keys, each with its column."""

    entries: tuple[tuple[str, Column], ...]

    @property
    def needs(self) -> frozenset[str] | None:
        """The columns of a row that it shows or looks at; None where it may look at all of them."""
        needs = [column.needs for _, column in self.entries]
        if None in needs:
            return None
        return frozenset().union(*(need for need in needs if need is not None))

    async def answer(self, level: Level, run: Run) -> list[Any]:
        """A dictionary an object, put together from columns; a fault where a column has one."""
        asked = [column for _, column in self.entries if column.together]
        loaded: list[list[Any]] = []
        if len(asked) > 1:
            with run.context.loaders.asked_together():
                loaded = await asyncio.gather(*(column.cells(level, run) for column in asked))
        waiting = iter(loaded)
        columns = [
            next(waiting) if loaded and column.together else await column.cells(level, run)
            for _, column in self.entries
        ]
        return self.rows(columns, len(level), run)

    def rows(self, columns: list[list[Any]], length: int, run: Run) -> list[Any]:
        """Dictionaries from columns, which may be fewer than there are entries."""
        if not columns:
            return [{} for _ in range(length)]
        run.shown += length * len(columns)
        answers = _dictionaries(tuple([key for key, _ in self.entries][: len(columns)]))(*columns)
        if run.errors.bubbling:
            for column in filter(faulty, reversed(columns)):
                for index, cell in enumerate(column):
                    if isinstance(cell, Fault):
                        answers[index] = cell
        return answers


@lru_cache(maxsize=1000)
def _dictionaries(keys: tuple[str, ...]) -> Callable[..., list[Any]]:
    """Makes dictionaries with these keys of as many columns.

    A literal takes half the time of `dict(zip(keys, values))`, and this is what a large answer spends most
    on. Response keys are names by GraphQL's grammar: letters, digits and underscores.
    """
    columns = [f"column_{number}" for number in range(len(keys))]
    cells = [f"cell_{number}" for number in range(len(keys))]
    items = ", ".join(f"{key!r}: {cell}" for key, cell in zip(keys, cells, strict=True))
    pairs = f"for {', '.join(cells)}, in zip({', '.join(columns)}, strict=True)"
    made: Callable[..., list[Any]] = eval(f"lambda {', '.join(columns)}: [{{{items}}} {pairs}]")
    return made


class Answered(NamedTuple):
    """The answer for one root object, errors as graphql-core has them.

    It has no more values than `shown`, where that was counted.
    """

    data: dict[str, Any] | None
    errors: list[GraphQLError]
    shown: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of an operation; the fields of a `serial` one are run one after another, up to a fault."""

    root: ObjectPlan
    serial: bool

    async def run(self, roots: list[Any], run: Run) -> list[Answered]:
        """Answer the operation for each root object, all of them at once."""
        level = Level(_root_path, objects=roots)
        answers = await (self._serially(level, run) if self.serial else self.root.answer(level, run))
        for index, answer in enumerate(answers):
            if isinstance(answer, Fault):
                run.errors.settle(answer, (index,), nullable=True)
        errors = run.errors.by_root(len(roots))
        return [
            Answered(None if isinstance(answer, Fault) else answer, listed, run.shown)
            for answer, listed in zip(answers, errors, strict=True)
        ]

    async def _serially(self, level: Level, run: Run) -> list[Any]:
        columns: list[list[Any]] = []
        for _, column in self.root.entries:
            columns.append(await column.cells(level, run))
            if run.errors.bubbling and faulty(columns[-1]):
                break
        return self.root.rows(columns, len(level), run)


def _root_path(index: int) -> Path:
    return (index,)
