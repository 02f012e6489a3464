"""What one operation loads: whole levels at once, and dataloaders that put single asks together to levels.

Loaders live as long as one operation, hold no connection while they wait, and take one for each batch.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any, NamedTuple, TypeVar

from strawberry.dataloader import DataLoader

from db.engine import Connection, Database
from db.errors import TooComplex, Unavailable
from db.meter import Budget
from db.queries import failures, pages, statistics, workflows
from db.queries.pages import Page, Row
from db.queries.sources import Source
from db.replica import Elsewhere, View
from graph.keys import Pages, StatsKey
from graph.telemetry.record import note_source

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Parent = tuple[Any, ...]
# Takes info, the objects of a level (or their rows) and arguments; gives their values in the same order.
Load = Callable[..., Awaitable[Sequence[Any]]]
# A function of `db.queries`: what it finds for each key, in their order.
Fetch = Callable[[Connection, list[K]], Awaitable[Sequence[T]]]


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


class _Asked(NamedTuple):
    """Keys that the next statement will fetch, and who waits for it besides the one who fetches."""

    keys: dict[Any, None]
    waiting: list[asyncio.Future[None]]

    async def join(self, keys: list[Any]) -> None:
        """Wait for these keys too."""
        self.keys.update(dict.fromkeys(keys))
        self.waiting.append(asyncio.get_running_loop().create_future())
        await self.waiting[-1]

    def end(self, error: BaseException | None) -> None:
        """Wake up all who wait."""
        for future in self.waiting:
            if future.done():  # who waited has gone
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


@cache
def _by_key(source: Source) -> Fetch[tuple[Any, ...], Row | None]:
    async def fetch(connection: Connection, keys: list[tuple[Any, ...]]) -> list[Row | None]:
        return await pages.fetch_by_key(connection, source, keys)

    return fetch


def _lazily(
    batch: Callable[["Loaders"], Callable[[list[K]], Awaitable[Sequence[T]]]],
) -> cached_property[DataLoader[K, T]]:
    """A loader that is made when it is first asked: most operations need one or two."""
    return cached_property(lambda self: DataLoader(batch(self)))


class Loaders:
    """The loaders of one operation, which reads from the replica as long as it has a view of it."""

    def __init__(
        self,
        database: Database,
        view: View | None,
        most_rows: int,
        caller: str,
        budget: Budget,
        *,
        for_write: bool,
    ) -> None:
        self._database = database
        self._view = view
        self._budget = budget
        self._caller = caller
        self._for_write = for_write
        self._most_rows = self._rows_left = most_rows
        self._running: set[asyncio.Task[Any]] = set()
        self._levels: dict[Any, list[tuple[dict[str, Any], DataLoader[Any, Any]]]] = {}
        self._found: dict[Any, dict[Any, Any]] = {}
        self._asked: dict[Any, _Asked] = {}
        # How many levels have fields that are asked at the same time.
        self._together = 0

    @cached_property
    def now(self) -> datetime:
        """One moment for all that an operation asks up to now: what is asked alike is loaded together."""
        return datetime.now(UTC)

    workflows_by_name = _lazily(lambda self: self._load_workflows)
    execution_stats = _lazily(lambda self: self.execution_statistics)
    step_stats = _lazily(lambda self: self._one_by_one(statistics.fetch_step_stats))
    error_groups = _lazily(lambda self: self._one_by_one(failures.fetch_error_groups))

    def level(self, load: Load, info: Any, arguments: dict[str, Any]) -> DataLoader[Any, Any]:
        """The loader that puts objects together for a function of levels and these arguments."""
        known = self._levels.setdefault(load, [])
        for same, loader in known:
            if same == arguments:
                return loader
        loader = DataLoader(lambda items: load(info, items, **arguments), cache=False)
        known.append((arguments, loader))
        return loader

    async def batch(self, fetch: Fetch[K, T], keys: Sequence[K], what: Hashable = None) -> list[T]:
        """What `fetch` finds for each key, from one statement for all who ask at the same time.

        What was found before is not fetched again; `what` names it, for fetches that are made anew.
        """
        name = what or fetch
        found = self._found.setdefault(name, {})
        missing = [key for key in dict.fromkeys(keys) if key not in found]
        if not missing:
            pass
        elif not self._together:
            await self._fetch(fetch, missing, found)
        elif name in self._asked:
            await self._asked[name].join(missing)
        else:
            await self._fetch_together(fetch, missing, found, name)
        return [found[key] for key in keys]

    async def _fetch_together(
        self, fetch: Fetch[K, T], missing: list[K], found: dict[K, T], name: Hashable
    ) -> None:
        asked = self._asked[name] = _Asked(dict.fromkeys(missing), [])
        await asyncio.sleep(0)  # others come in meanwhile
        del self._asked[name]
        error: BaseException | None = None
        try:
            await self._fetch(fetch, list(asked.keys), found)
        except BaseException as failed:
            error = failed
            raise
        finally:
            asked.end(error)

    async def _fetch(self, fetch: Fetch[K, T], keys: list[K], found: dict[K, T]) -> None:
        fetched = await self._read(lambda connection: fetch(connection, keys))
        found.update(zip(keys, fetched, strict=True))

    async def fetch_rows(self, source: Source, keys: Sequence[tuple[Any, ...]]) -> list[Row | None]:
        """The rows with these keys, None where there is none."""
        return await self.batch(_by_key(source), keys)

    async def fetch_pages(
        self, asked: Pages, parents: list[Parent], columns: frozenset[str] | None = None
    ) -> list[Page]:
        """A page for each parent; raises `TooComplex` beyond the rows that one operation may fetch."""

        async def fetch(connection: Connection) -> list[Page]:
            if asked.relation.parent:
                return await pages.fetch_pages(connection, asked[0], parents, *asked[1:], columns)
            return [await pages.fetch_page(connection, *asked, columns)] * len(parents)

        return self._spend(await self._read(fetch))

    async def count(self, asked: Pages, parents: list[Parent], cap: int) -> list[int]:
        """How many children each parent has, counted no further than `cap` + 1."""

        async def fetch(connection: Connection, wanted: list[Parent]) -> list[int]:
            return await pages.count_children(connection, asked.relation, wanted, asked.narrowed, cap)

        return await self.batch(fetch, parents, (asked.relation, asked.narrowed, cap))

    async def execution_statistics(self, keys: list[StatsKey]) -> list[list[Row]]:
        """The groups of each; keys that differ only in the workflow share a statement."""
        return await self._grouped(statistics.fetch_execution_stats, keys)

    async def retries(self, keys: list[StatsKey]) -> list[dict[tuple[Any, ...], int]]:
        """How many attempts were retries, by the values of the groups' keys; shared in the same way."""
        return await self._grouped(statistics.fetch_retries, keys)

    @contextmanager
    def asked_together(self) -> Iterator[None]:
        """To be entered around what is asked at the same time."""
        self._together += 1
        try:
            yield
        finally:
            self._together -= 1

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
            async with self._session() as connection:
                yield connection
        finally:
            self._running.discard(task)

    def _session(self) -> AbstractAsyncContextManager[Connection]:
        if self._view is not None:
            return self._view.reading(self._caller, self._budget)
        return self._database.reading(self._caller, for_write=self._for_write, budget=self._budget)

    async def _read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """What `work` reads: once more, on another connection, where the first one was lost.

        What the replica can't answer the primary does, and from then on the rest of the operation.
        """
        try:
            async with self.reading() as connection:
                return await work(connection)
        except Elsewhere as elsewhere:
            note_source(elsewhere.reason)
            self._view = None
        except Unavailable as error:
            if type(error) is not Unavailable:
                raise
        async with self.reading() as connection:
            return await work(connection)

    def _spend(self, fetched: list[Page]) -> list[Page]:
        self._rows_left -= sum(len(page.rows) for page in fetched)
        if self._rows_left < 0:
            raise TooComplex(
                f"This fetches more than {self._most_rows} rows in one operation: ask for smaller pages."
            )
        return fetched

    async def _grouped(self, fetch: Callable[..., Awaitable[Sequence[T]]], keys: list[StatsKey]) -> list[T]:
        async def load(group: tuple[Any, ...], parents: list[Any]) -> Sequence[T]:
            return await self._read(lambda connection: fetch(connection, *group, parents))

        return await _by_group(keys, load)

    def _one_by_one(
        self, fetch: Callable[..., Awaitable[T]]
    ) -> Callable[[list[Any]], Awaitable[Sequence[T]]]:
        async def each(connection: Connection, keys: list[Any]) -> Sequence[T]:
            return [await fetch(connection, *key) for key in keys]

        return lambda keys: self._read(lambda connection: each(connection, keys))

    async def _load_workflows(self, names: list[tuple[str, str | None]]) -> list[Row | None]:
        return await self.batch(workflows.fetch_by_name, names)
