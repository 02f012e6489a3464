"""Dataloaders: what the resolvers of one operation ask for at one level becomes one statement.

A key of the page loader is (relation, filter, window, parent): keys that differ only in the parent share a
statement, and two aliases of one list with different arguments take one each. Loaders live as long as one
operation, hold no connection while they wait, and take one for each batch.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from db.engine import Connection, Database
from db.errors import TooComplex
from db.queries import executions, failures, pages, states, statistics, steps, stuck, workflows
from db.queries.filters import ExecutionFilter, StepFilter
from db.queries.pages import Page, Row, Window
from db.queries.predicates import Filter
from db.queries.sources import Relation, Source
from db.queries.statistics import Grouping

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Parent = tuple[Any, ...]


class PageKey(NamedTuple):
    """One page of one parent's children."""

    relation: Relation
    narrowed: Filter
    window: Window
    parent: Parent


class CountKey(NamedTuple):
    """How many children one parent has, counted up to a cap."""

    relation: Relation
    narrowed: Filter
    cap: int
    parent: Parent


class RowKey(NamedTuple):
    """One row by its key."""

    source: Source
    key: tuple[Any, ...]


class StatsKey(NamedTuple):
    """The numbers of one workflow's executions; of all executions where there is no workflow."""

    grouping: Grouping
    narrowed: ExecutionFilter
    workflow: UUID | None


class StepStatsKey(NamedTuple):
    """The numbers of the steps of executions."""

    narrowed: ExecutionFilter
    steps: StepFilter
    order: str
    most: int


class ErrorsKey(NamedTuple):
    """The kinds of errors of executions."""

    narrowed: ExecutionFilter
    most: int


async def _by_group(
    keys: list[Any], load: Callable[[tuple[Any, ...], list[Any]], Awaitable[Sequence[T]]]
) -> list[T]:
    """Load keys that are alike but for their last part together; results in the order of the keys."""
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for at, key in enumerate(keys):
        groups[key[:-1]].append(at)
    results: list[Any] = [None] * len(keys)
    for group, places in groups.items():
        for at, result in zip(places, await load(group, [keys[at][-1] for at in places]), strict=True):
            results[at] = result
    return results


def _lazily(
    batch: Callable[["Loaders"], Callable[[list[K]], Awaitable[Sequence[T]]]],
) -> cached_property[DataLoader[K, T]]:
    """A loader that is made when it is first asked: most operations need one or two."""
    return cached_property(lambda self: DataLoader(batch(self)))


class Loaders:
    """The loaders of one operation."""

    def __init__(self, database: Database, most_rows: int) -> None:
        self._database = database
        self._most_rows = self._rows_left = most_rows
        self._running: set[asyncio.Task[Any]] = set()
        # One moment for all that an operation asks up to now: what is asked alike is loaded together.
        self.now = datetime.now(UTC)

    pages = _lazily(lambda self: self._load_pages)
    counts = _lazily(lambda self: self._load_counts)
    rows = _lazily(lambda self: self._load_rows)
    workflows_by_name = _lazily(lambda self: self._with_connection(workflows.fetch_by_name))
    latest_checkpoints = _lazily(lambda self: self._with_connection(executions.fetch_latest_checkpoints))
    metrics = _lazily(lambda self: self._with_connection(executions.fetch_metrics))
    variables = _lazily(lambda self: self._with_connection(states.fetch_variables))
    variable = _lazily(lambda self: self._with_connection(states.fetch_variable))
    steps_done_between = _lazily(lambda self: self._with_connection(steps.fetch_done_between))
    checkpoint_at = _lazily(lambda self: self._with_connection(states.fetch_named))
    execution_stats = _lazily(lambda self: self._grouped(statistics.fetch_execution_stats))
    retries = _lazily(lambda self: self._grouped(statistics.fetch_retries))
    step_stats = _lazily(lambda self: self._one_by_one(statistics.fetch_step_stats))
    error_groups = _lazily(lambda self: self._one_by_one(failures.fetch_error_groups))
    stuck = _lazily(lambda self: self._with_connection(stuck.fetch_facts))
    recovery_plans = _lazily(lambda self: self._with_connection(stuck.fetch_plans))
    state_fields = _lazily(lambda self: self._with_connection(states.fetch_fields))

    def cancel(self) -> None:
        """Stop what is being fetched: a batch runs in a task of its own, which nobody else would end."""
        for task in self._running:
            task.cancel()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection for a few statements, which `cancel` would stop."""
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            async with self._database.reading() as connection:
                yield connection
        finally:
            self._running.discard(task)

    def spend(self, fetched: Sequence[Page]) -> Sequence[Page]:
        """Count the rows of pages; raises `TooComplex` beyond what one operation may fetch."""
        self._rows_left -= sum(len(page.rows) for page in fetched)
        if self._rows_left < 0:
            raise TooComplex(
                f"This fetches more than {self._most_rows} rows in one operation: ask for smaller pages."
            )
        return fetched

    def _with_connection(
        self, fetch: Callable[[Any, list[K]], Awaitable[Sequence[T]]]
    ) -> Callable[[list[K]], Awaitable[Sequence[T]]]:
        async def load(keys: list[K]) -> Sequence[T]:
            async with self.reading() as connection:
                return await fetch(connection, keys)

        return load

    def _grouped(
        self, fetch: Callable[..., Awaitable[Sequence[T]]]
    ) -> Callable[[list[Any]], Awaitable[Sequence[T]]]:
        async def load(group: tuple[Any, ...], parents: list[Any]) -> Sequence[T]:
            async with self.reading() as connection:
                return await fetch(connection, *group, parents)

        async def load_all(keys: list[Any]) -> Sequence[T]:
            return await _by_group(keys, load)

        return load_all

    def _one_by_one(
        self, fetch: Callable[..., Awaitable[T]]
    ) -> Callable[[list[Any]], Awaitable[Sequence[T]]]:
        async def load(keys: list[Any]) -> Sequence[T]:
            async with self.reading() as connection:
                return [await fetch(connection, *key) for key in keys]

        return load

    async def _load_pages(self, keys: list[PageKey]) -> list[Page]:
        async def load(group: tuple[Any, ...], parents: list[Parent]) -> Sequence[Page]:
            relation, narrowed, window = group
            async with self.reading() as connection:
                if relation.parent:
                    return self.spend(
                        await pages.fetch_pages(connection, relation, parents, narrowed, window)
                    )
                return self.spend([await pages.fetch_page(connection, relation, narrowed, window)])

        return await _by_group(keys, load)

    async def _load_counts(self, keys: list[CountKey]) -> list[int]:
        async def load(group: tuple[Any, ...], parents: list[Parent]) -> Sequence[int]:
            relation, narrowed, cap = group
            async with self.reading() as connection:
                return await pages.count_children(connection, relation, parents, narrowed, cap)

        return await _by_group(keys, load)

    async def _load_rows(self, keys: list[RowKey]) -> list[Row | None]:
        async def load(group: tuple[Any, ...], wanted: list[tuple[Any, ...]]) -> Sequence[Row | None]:
            async with self.reading() as connection:
                return await pages.fetch_by_key(connection, group[0], wanted)

        return await _by_group(keys, load)
