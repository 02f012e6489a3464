"""The one statement that writes what a batch decided: an arm a table, over rows as JSON or over arrays.

A batch without checkpoints has no arm for them, so a save costs what a save writes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import orjson

from db.enums import ExecutionStatus
from db.topology import is_distributed
from db.writes.arms import ARMS, AS_TEXT, EVERYWHERE
from db.writes.cascade import cancel_descendants

Row: TypeAlias = dict[str, Any]


class Rows:
    """What is to be written, by arm: rows, and columns that came as whole lists."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, list[Row]] = defaultdict(list)
        self._columns: defaultdict[str, list[Mapping[str, list[Any]]]] = defaultdict(list)
        self._parents: list[tuple[UUID, str, ExecutionStatus]] = []

    def add(self, arm: str, row: Row) -> None:
        """Add a row."""
        self._rows[arm].append(row)

    def add_columns(self, arm: str, columns: Mapping[str, list[Any]]) -> None:
        """Add many rows, column by column."""
        self._columns[arm].append(columns)

    def cancel_children_of(self, execution: UUID, actor: str, status: ExecutionStatus) -> None:
        """An execution ends as `status` and takes its children, and theirs, along."""
        self._parents.append((execution, actor, status))

    def extend(self, other: "Rows") -> None:
        """Add all that another has."""
        self._parents += other._parents
        for arm, rows in other._rows.items():
            self._rows[arm] += rows
        for arm, blocks in other._columns.items():
            self._columns[arm] += blocks

    def of(self, arm: str) -> list[Row]:
        """The rows of one arm."""
        blocks = (zip(*block.values(), strict=True) for block in self._columns[arm])
        names = list(ARMS[arm].columns)
        return [*self._rows[arm], *(dict(zip(names, row, strict=True)) for rows in blocks for row in rows)]

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return any(self._rows.values()) or any(self._columns.values())

    async def write(self, driver: asyncpg.Connection) -> None:
        """Write all of it in one statement; none where there is nothing. Children follow, by generation."""
        arms = tuple(arm for arm in ARMS if self._rows.get(arm) or self._columns.get(arm))
        if arms and is_distributed(driver):
            await self._write_by_execution(driver, arms)
        elif arms:
            forms = tuple((arm, bool(self._columns.get(arm))) for arm in arms)
            given = (one for arm, by_column in forms for one in self._given(arm, by_column=by_column))
            await driver.execute(_statement(forms), *given)
        for execution, actor, status in self._parents:
            await cancel_descendants(driver, execution, actor, status)

    async def _write_by_execution(self, driver: asyncpg.Connection, arms: tuple[str, ...]) -> None:
        """On many nodes: a statement an execution, which leads to the node where it is."""
        by_execution: defaultdict[UUID | None, dict[str, list[Row]]] = defaultdict(dict)
        for arm in arms:
            key = next(iter(ARMS[arm].columns))
            for row in self.of(arm):
                by_execution[None if arm in EVERYWHERE else row[key]].setdefault(arm, []).append(row)
        for execution, rows in by_execution.items():
            given = [_json(own) for own in rows.values()]
            if execution is None:
                await driver.execute(_statement(tuple((arm, False) for arm in rows)), *given)
            else:
                await driver.execute(_statement_of_one(tuple(rows)), execution, *given)

    def _given(self, arm: str, *, by_column: bool) -> list[Any]:
        rows, blocks = self._rows[arm], self._columns[arm]
        if not by_column:
            return [_json(rows)]
        arrays: list[Any] = []
        for name in ARMS[arm].columns:
            array = [row.get(name) for row in rows]
            for block in blocks:
                array += block[name]
            # Shorter arrays are filled up with NULLs, and what has none need not be encoded item by item.
            arrays.append(None if array.count(None) == len(array) else array)
        return arrays


def _json(rows: list[Row]) -> str:
    return orjson.dumps(rows, _plain).decode()


def _plain(value: object) -> str:
    """What JSON doesn't have, as PostgreSQL reads it."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, UUID):  # the driver's
        return str(value)
    raise TypeError(f"{type(value).__name__} is nothing that a column holds")


def _records(number: int, columns: Iterable[tuple[str, str]], alias: str) -> str:
    """Rows out of a JSON list of objects, for a parameter: a few cost less than an array for each column."""
    typed = ", ".join(f"{name} {'text' if kind in AS_TEXT else kind}" for name, kind in columns)
    return f"json_to_recordset(${number}::json) AS {alias}({typed})"


@cache
def _statement_of_one(arms: tuple[str, ...]) -> str:
    """The same for one execution, $1."""
    parts = []
    for number, arm in enumerate(arms, 2):
        (key, _), *others = ARMS[arm].columns.items()
        given = f"(SELECT $1::uuid AS {key}, u.* FROM {_records(number, others, 'u')}) AS g"
        parts.append(f"of_{arm} AS ({ARMS[arm].statement.replace('{given}', given)})")
    return f"WITH {', '.join(parts)} SELECT 1"


@cache
def _statement(forms: tuple[tuple[str, bool], ...]) -> str:
    """Arms, each of records or `by_column`: of arrays, which many rows come in."""
    parts, number = [], 1
    for arm, by_column in forms:
        columns = ARMS[arm].columns
        if by_column:
            arrays = [
                f"${at}::{'text' if kind in AS_TEXT else kind}[]"
                for at, kind in enumerate(columns.values(), number)
            ]
            given = f"unnest({', '.join(arrays)}) AS g({', '.join(columns)})"
            number += len(arrays)
        else:
            given = _records(number, columns.items(), "g")
            number += 1
        # Not named as a table is: an arm that reads the table would read that instead.
        parts.append(f"of_{arm} AS ({ARMS[arm].statement.replace('{given}', given)})")
    return f"WITH {', '.join(parts)} SELECT 1"
