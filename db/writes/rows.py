"""The one statement that writes what a batch decided: an arm a table, over arrays.

A batch without checkpoints has no arm for them, so a save costs what a save writes.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

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
            await driver.execute(_statement(arms), *(array for arm in arms for array in self._arrays(arm)))
        for execution, actor, status in self._parents:
            await cancel_descendants(driver, execution, actor, status)

    async def _write_by_execution(self, driver: asyncpg.Connection, arms: tuple[str, ...]) -> None:
        """On many nodes: a statement an execution, which leads to the node where it is."""
        by_execution: defaultdict[Any, dict[str, list[tuple[Any, ...]]]] = defaultdict(dict)
        for arm in arms:
            for row in zip(*self._arrays(arm), strict=True):
                by_execution[None if arm in EVERYWHERE else row[0]].setdefault(arm, []).append(row)
        for execution, rows in by_execution.items():
            columns = [[*zip(*own, strict=True)] for own in rows.values()]
            if execution is None:
                arrays = [array for own in columns for array in own]
                await driver.execute(_statement(tuple(rows)), *arrays)
            else:
                arrays = [array for _, *own in columns for array in own]
                await driver.execute(_statement_of_one(tuple(rows)), execution, *arrays)

    def _arrays(self, arm: str) -> list[list[Any]]:
        rows, blocks = self._rows[arm], self._columns[arm]
        arrays: list[list[Any]] = []
        for name in ARMS[arm].columns:
            array = [row.get(name) for row in rows]
            for block in blocks:
                array += block[name]
            arrays.append(array)
        return arrays


@cache
def _statement_of_one(arms: tuple[str, ...]) -> str:
    """The same for one execution, $1."""
    parts, number = [], 1
    for arm in arms:
        key, *names = ARMS[arm].columns
        arrays = []
        for name in names:
            number += 1
            kind = ARMS[arm].columns[name]
            arrays.append(f"${number}::{'text' if kind in AS_TEXT else kind}[]")
        given = (
            f"(SELECT $1::uuid AS {key}, u.* FROM unnest({', '.join(arrays)}) AS u({', '.join(names)})) AS g"
        )
        parts.append(f"of_{arm} AS ({ARMS[arm].statement.replace('{given}', given)})")
    return f"WITH {', '.join(parts)} SELECT 1"


@cache
def _statement(arms: tuple[str, ...]) -> str:
    parts, number = [], 0
    for arm in arms:
        columns = ARMS[arm].columns
        arrays = []
        for kind in columns.values():
            number += 1
            arrays.append(f"${number}::{'text' if kind in AS_TEXT else kind}[]")
        given = f"unnest({', '.join(arrays)}) AS g({', '.join(columns)})"
        # Not named as a table is: an arm that reads the table would read that instead.
        parts.append(f"of_{arm} AS ({ARMS[arm].statement.replace('{given}', given)})")
    return f"WITH {', '.join(parts)} SELECT 1"
