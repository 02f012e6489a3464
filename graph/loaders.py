"""What one operation loads: whole levels at once, and dataloaders that put single asks together to levels.

Loaders live as long as one operation, hold no connection while they wait, and take one for each batch.
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
from db.meter import Budget
from db.queries import executions, failures, pages, states, statistics, steps, stuck, workflows
from db.queries.filters import ExecutionFilter, StepFilter
from db.queries.pages import Page, Row, Window
from db.queries.predicates import Filter
from db.queries.sources import Relation, Source
from db.queries.statistics import Grouping

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Parent = tuple[Any, ...]
# Takes info, the objects of a level (or their rows) and arguments; gives their values in the same order.
Load = Callable[..., Awaitable[Sequence[Any]]]


class Pages(NamedTuple):
    """The pages that a connection asks for, whatever the parents."""

    relation: Relation
    narrowed: Filter
    window: Window


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

    def __init__(
        self, database: Database, most_rows: int, caller: str, budget: Budget, *, for_write: bool
    ) -> None:
        self._database = database
        self._budget = budget
        self._caller = caller
        self._for_write = for_write
        self._most_rows = self._rows_left = most_rows
        self._running: set[asyncio.Task[Any]] = set()
        self._levels: dict[Any, list[tuple[dict[str, Any], DataLoader[Any, Any]]]] = {}
        self._rows: dict[RowKey, Row | None] = {}
        # One moment for all that an operation asks up to now: what is asked alike is loaded together.
        self.now = datetime.now(UTC)

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

    def level(self, load: Load, info: Any, arguments: dict[str, Any]) -> DataLoader[Any, Any]:
        """The loader that puts objects together for a function of levels and these arguments."""
        known = self._levels.setdefault(load, [])
        for same, loader in known:
            if same == arguments:
                return loader
        loader = DataLoader(lambda items: load(info, items, **arguments), cache=False)
        known.append((arguments, loader))
        return loader

    async def fetch_pages(
        self, asked: Pages, parents: list[Parent], columns: frozenset[str] | None = None
    ) -> list[Page]:
        """A page for each parent; raises `TooComplex` beyond the rows that one operation may fetch."""
        async with self.reading() as connection:
            if asked.relation.parent:
                found = await pages.fetch_pages(connection, asked[0], parents, *asked[1:], columns)
            else:
                found = [await pages.fetch_page(connection, *asked, columns)] * len(parents)
        return self._spend(found)

    async def count(self, asked: Pages, parents: list[Parent], cap: int) -> list[int]:
        """How many children each parent has, counted no further than `cap` + 1."""
        async with self.reading() as connection:
            return await pages.count_children(connection, asked.relation, parents, asked.narrowed, cap)

    async def fetch_rows(self, source: Source, keys: Sequence[tuple[Any, ...]]) -> list[Row | None]:
        """The rows with these keys, None where there is none; what was fetched before is not again."""
        wanted = [RowKey(source, key) for key in keys]
        missing = [key for key in dict.fromkeys(wanted) if key not in self._rows]
        if missing:
            async with self.reading() as connection:
                found = await pages.fetch_by_key(connection, source, [key.key for key in missing])
            self._rows.update(zip(missing, found, strict=True))
        return [self._rows[key] for key in wanted]

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
            async with self._database.reading(
                self._caller, for_write=self._for_write, budget=self._budget
            ) as connection:
                yield connection
        finally:
            self._running.discard(task)

    def _spend(self, fetched: list[Page]) -> list[Page]:
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

    async def _load_rows(self, keys: list[RowKey]) -> list[Row | None]:
        async def load(group: tuple[Any, ...], wanted: list[tuple[Any, ...]]) -> Sequence[Row | None]:
            return await self.fetch_rows(group[0], wanted)

        return await _by_group(keys, load)
