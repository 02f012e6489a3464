"""Keyset pages, for any number of parents in one statement, and the counts beside them.

A page starts after a row, not after a number of rows: it costs the same at any depth, and rows that come
meanwhile neither shift nor repeat what follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg

from db.queries.batch import Parts, fetch_many, fetch_one
from db.queries.predicates import Filter, Parameters
from db.queries.sources import Key, Order, Relation, Source

Row: TypeAlias = asyncpg.Record


@dataclass(frozen=True, slots=True)
class Window:
    """Which page: at most `size` rows in `order`, strictly after and before the given places.

    `backward` takes the last rows of the window rather than the first. Places are tuples of the order's
    values, as `place` gives them.
    """

    order: Order
    descending: bool
    size: int
    after: tuple[Any, ...] | None = None
    before: tuple[Any, ...] | None = None
    backward: bool = False

    def place(self, row: Row) -> tuple[Any, ...]:
        """Where a row stands in the order."""
        return tuple(key.value(row) for key in self.order.keys)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order asked for, and whether there are more on the side that the page grew to."""

    rows: list[Row]
    more: bool


def _keyset(window: Window, parameters: Parameters) -> list[str]:
    left = ", ".join(key.sql for key in window.order.keys)
    conditions = []
    for place, sign in (
        (window.after, "<" if window.descending else ">"),
        (window.before, ">" if window.descending else "<"),
    ):
        if place is not None:
            right = ", ".join(
                parameters.add(value, key.cast) for key, value in zip(window.order.keys, place, strict=True)
            )
            conditions.append(f"({left}) {sign} ({right})")
    return conditions


def _own(relation: Relation) -> list[str]:
    return [relation.condition] if relation.condition else []


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _select(source: Source, window: Window, conditions: Sequence[str], columns: frozenset[str] | None) -> str:
    direction = "DESC" if window.descending != window.backward else "ASC"
    order = ", ".join(f"{key.sql} {direction}" for key in window.order.keys)
    return (
        f"SELECT {source.chosen(window.order, columns)} FROM {source.table} c{_where(conditions)} "
        f"ORDER BY {order} LIMIT {window.size + 1}"
    )


def _parts(keys: Sequence[Key]) -> Parts:
    return {key.column: key.cast for key in keys}


def _tied(keys: Sequence[Key]) -> list[str]:
    """The conditions that tie rows to the keys of a batch."""
    return [f"{key.sql} {key.compare} p.{key.column}" for key in keys]


def _of_parents(relation: Relation, narrowed: Filter, parameters: Parameters) -> list[str]:
    """The conditions of what belongs to one of many parents."""
    return [*_tied(relation.parent), *_own(relation), *narrowed.predicates(parameters)]


def _page(rows: list[Row], window: Window) -> Page:
    kept = rows[: window.size]
    if window.backward:
        kept.reverse()
    return Page(kept, more=len(rows) > window.size)


async def fetch_page(
    connection: asyncpg.Connection,
    relation: Relation,
    narrowed: Filter,
    window: Window,
    columns: frozenset[str] | None = None,
) -> Page:
    """One page of a relation without parents; rows with these columns at least, all for None."""
    parameters = Parameters()
    conditions = [*_own(relation), *narrowed.predicates(parameters), *_keyset(window, parameters)]
    statement = _select(relation.source, window, conditions, columns)
    rows = await connection.fetch(statement, *parameters.values)
    return _page(rows, window)


async def fetch_pages(
    connection: asyncpg.Connection,
    relation: Relation,
    parents: Sequence[tuple[Any, ...]],
    narrowed: Filter,
    window: Window,
    columns: frozenset[str] | None = None,
) -> list[Page]:
    """The same window of the children of every parent, in one statement; a page a parent, in their order.

    Rows have these columns at least, all for None.
    """
    parameters = Parameters()
    conditions = [*_of_parents(relation, narrowed, parameters), *_keyset(window, parameters)]
    select = _select(relation.source, window, conditions, columns)
    found = await fetch_many(connection, _parts(relation.parent), parents, select, parameters)
    return [_page(rows, window) for rows in found]


def _counted(relation: Relation, conditions: Sequence[str], cap: int) -> str:
    rows = f"SELECT 1 FROM {relation.source.table} c{_where(conditions)} LIMIT {cap + 1}"
    return f"SELECT count(*) FROM ({rows}) rows"


async def count_children(
    connection: asyncpg.Connection,
    relation: Relation,
    parents: Sequence[tuple[Any, ...]],
    narrowed: Filter,
    cap: int,
) -> list[int]:
    """How many children every parent has, counted no further than `cap` + 1, in one statement.

    A relation without parents takes `[()]`.
    """
    parameters = Parameters()
    if not relation.parent:
        counted = _counted(relation, [*_own(relation), *narrowed.predicates(parameters)], cap)
        return [await connection.fetchval(counted, *parameters.values)] * len(parents)
    counted = _counted(relation, _of_parents(relation, narrowed, parameters), cap)
    found = await fetch_many(connection, _parts(relation.parent), parents, counted, parameters)
    return [row["count"] for (row,) in found]


async def fetch_by_key(
    connection: asyncpg.Connection, source: Source, keys: Sequence[tuple[Any, ...]]
) -> list[Row | None]:
    """The rows with these keys in one statement, in the order of the keys; None where there is none."""
    tied = [*_tied(source.key), *filter(None, [source.condition])]
    select = f"SELECT {source.columns} FROM {source.table} c{_where(tied)}"
    return await fetch_one(connection, _parts(source.key), keys, select)
