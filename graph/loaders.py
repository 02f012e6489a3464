"""Dataloaders: what the resolvers of one operation ask for at one level becomes one statement.

A key of the page loader is (relation, filter, window, parent): keys that differ only in the parent share a
statement, and two aliases of one list with different arguments take one each. Loaders live as long as one
operation, hold no connection while they wait, and take one for each batch.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from db.engine import Connection, Database
from db.errors import TooComplex
from db.queries import executions, pages, states, steps, workflows
from db.queries.pages import Page, Row, Window
from db.queries.predicates import Filter
from db.queries.sources import Relation, Source

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


class Loaders:
    """The loaders of one operation."""

    def __init__(self, database: Database, most_rows: int) -> None:
        self._database = database
        self._most_rows = self._rows_left = most_rows
        self._running: set[asyncio.Task[Any]] = set()
        self.pages: DataLoader[PageKey, Page] = DataLoader(self._load_pages)
        self.counts: DataLoader[CountKey, int] = DataLoader(self._load_counts)
        self.rows: DataLoader[RowKey, Row | None] = DataLoader(self._load_rows)
        self.workflows_by_name: DataLoader[tuple[str, str | None], Row | None] = DataLoader(
            self._with_connection(workflows.fetch_by_name)
        )
        self.latest_checkpoints: DataLoader[UUID, Row | None] = DataLoader(
            self._with_connection(executions.fetch_latest_checkpoints)
        )
        self.metrics: DataLoader[UUID, Row] = DataLoader(self._with_connection(executions.fetch_metrics))
        self.variables: DataLoader[tuple[UUID, int], dict[str, str]] = DataLoader(
            self._with_connection(states.fetch_variables)
        )
        self.variable: DataLoader[tuple[UUID, int, str], str | None] = DataLoader(
            self._with_connection(states.fetch_variable)
        )
        self.steps_done_between: DataLoader[tuple[UUID, int, int], list[Row]] = DataLoader(
            self._with_connection(steps.fetch_done_between)
        )
        self.checkpoint_at: DataLoader[tuple[UUID, int], bool] = DataLoader(
            self._with_connection(states.fetch_named)
        )
        self.state_fields: DataLoader[tuple[UUID, int], dict[str, str]] = DataLoader(
            self._with_connection(states.fetch_fields)
        )

    def cancel(self) -> None:
        """Stop what is being fetched: a batch runs in a task of its own, which nobody else would end."""
        for task in self._running:
            task.cancel()

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Connection]:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            async with self._database.reading() as connection:
                yield connection
        finally:
            self._running.discard(task)

    def _spend(self, fetched: Sequence[Page]) -> Sequence[Page]:
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
            async with self._reading() as connection:
                return await fetch(connection, keys)

        return load

    async def _load_pages(self, keys: list[PageKey]) -> list[Page]:
        async def load(group: tuple[Any, ...], parents: list[Parent]) -> Sequence[Page]:
            relation, narrowed, window = group
            async with self._reading() as connection:
                if relation.parent:
                    return self._spend(
                        await pages.fetch_pages(connection, relation, parents, narrowed, window)
                    )
                return self._spend([await pages.fetch_page(connection, relation, narrowed, window)])

        return await _by_group(keys, load)

    async def _load_counts(self, keys: list[CountKey]) -> list[int]:
        async def load(group: tuple[Any, ...], parents: list[Parent]) -> Sequence[int]:
            relation, narrowed, cap = group
            async with self._reading() as connection:
                return await pages.count_children(connection, relation, parents, narrowed, cap)

        return await _by_group(keys, load)

    async def _load_rows(self, keys: list[RowKey]) -> list[Row | None]:
        async def load(group: tuple[Any, ...], wanted: list[tuple[Any, ...]]) -> Sequence[Row | None]:
            async with self._reading() as connection:
                return await pages.fetch_by_key(connection, group[0], wanted)

        return await _by_group(keys, load)
