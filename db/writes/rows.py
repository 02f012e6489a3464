"""The one statement that writes what a batch decided: an arm a table, over rows as JSON or over arrays.

A batch without checkpoints has no arm for them, so a save costs what a save writes.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import asyncpg
import orjson

from db.enums import ExecutionStatus
from db.narrowing import ends, few, narrowed, ranged
from db.topology import is_distributed
from db.writes.arm import AS_TEXT
from db.writes.arms import ARMS, EVERYWHERE
from db.writes.cascade import cancel_descendants

Row: TypeAlias = dict[str, Any]
# So many rows are worth a statement of their own where one of these is the same in all of them. Not for any
# column: PostgreSQL keeps each statement.
_MANY, _OFTEN_ALIKE = 100, ("execution_id", "logged_at")


class _Form(NamedTuple):
    """How an arm gets its rows: as arrays, but for its `constants`; as records where that is None."""

    arm: str
    constants: frozenset[str] | None = None


_Forms: TypeAlias = tuple[_Form, ...]


class Held(NamedTuple):
    """What is to be there before anything is written: `statement` locks a row for each that is `given`.

    `{given}` in the statement stands for the list, and each of it has an `id`.
    """

    statement: str
    given: Sequence[Mapping[str, Any]]


class Written(NamedTuple):
    """What a statement has written: the version of the rows, and the database's clock."""

    row_version: int
    now: datetime


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

    @property
    def in_one_statement(self) -> bool:
        """Whether that is all it takes: no children follow."""
        return not self._parents

    async def write(self, driver: asyncpg.Connection) -> None:
        """Write all of it in one statement; none where there is nothing. Children follow, by generation."""
        if is_distributed(driver):
            await self._write_by_execution(driver)
        elif self:
            forms, given = self._given()
            await driver.execute(_statement(forms), *ends(self._executions()), *given)
        for execution, actor, status in self._parents:
            await cancel_descendants(driver, execution, actor, status)

    async def write_if(self, driver: asyncpg.Connection, held: Held) -> Written | None:
        """Write all of it where all that is to be `held` is there; else nothing, and return None."""
        forms, given = self._given()
        between = ends([one["id"] for one in held.given])
        row = await driver.fetchrow(_conditional(forms, held.statement), *between, _json(held.given), *given)
        return Written(row["row_version"], row["now"]) if row["made"] else None

    def _arms(self) -> tuple[str, ...]:
        return tuple(arm for arm in ARMS if self._rows.get(arm) or self._columns.get(arm))

    def _executions(self) -> list[UUID]:
        """The executions that rows are of, as often as they are."""
        found: list[UUID] = []
        for arm in self._arms():
            if arm not in EVERYWHERE:
                key = ARMS[arm].key
                found += [row[key] for row in self._rows[arm]]
                found += [one for block in self._columns[arm] for one in block[key]]
        return found

    async def _write_by_execution(self, driver: asyncpg.Connection) -> None:
        """On many nodes: a statement an execution, which leads to the node where it is."""
        by_execution: defaultdict[UUID | None, dict[str, list[Row]]] = defaultdict(dict)
        for arm in self._arms():
            key = ARMS[arm].key
            for row in self.of(arm):
                by_execution[None if arm in EVERYWHERE else row[key]].setdefault(arm, []).append(row)
        for execution, rows in by_execution.items():
            given = [_json(own) for own in rows.values()]
            if execution is None:
                await driver.execute(_statement(tuple(map(_Form, rows))), None, None, *given)
            else:
                await driver.execute(_statement_of_one(tuple(rows)), execution, *given)

    def _given(self) -> tuple[_Forms, list[Any]]:
        """How all of it is given, and that."""
        forms: list[_Form] = []
        given: list[Any] = []
        for arm in self._arms():
            if not self._columns.get(arm):
                forms.append(_Form(arm))
                given.append(_json(self._rows[arm]))
                continue
            columns = self._by_column(arm)
            constants = frozenset(name for name in _OFTEN_ALIKE if _is_constant(columns.get(name, ())))
            forms.append(_Form(arm, constants))
            for name, values in columns.items():
                # What has none or one value need not be encoded item by item: of NULLs, arrays are filled up.
                none = values.count(None) == len(values)
                given.append(values[0] if name in constants else None if none else values)
        return tuple(forms), given

    def _by_column(self, arm: str) -> dict[str, list[Any]]:
        columns = {name: [row.get(name) for row in self._rows[arm]] for name in ARMS[arm].columns}
        for block in self._columns[arm]:
            for name, values in columns.items():
                values += block[name]
        return columns


def _is_constant(values: Sequence[Any]) -> bool:
    return len(values) >= _MANY and values.count(values[0]) == len(values)


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(rows, _plain).decode()


def _plain(value: object) -> str:
    """What JSON doesn't have, as PostgreSQL reads it."""
    if isinstance(value, UUID):  # the driver's
        return str(value)
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError(f"{type(value).__name__} is nothing that a column holds")


def _records(number: int, columns: Iterable[tuple[str, str]], alias: str) -> str:
    """Rows out of a JSON list of objects, for a parameter: a few cost less than an array for each column."""
    typed = ", ".join(f"{name} {'text' if kind in AS_TEXT else kind}" for name, kind in columns)
    return f"json_to_recordset(${number}::json) AS {alias}({typed})"


# Declares them: not every statement has a use for its range.
_RANGE = "ends AS (SELECT $1::uuid, $2::uuid)"


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
def _statement(forms: _Forms) -> str:
    return ranged(f"WITH {', '.join((_RANGE, *_parts(forms, 3)))} SELECT 1", "$1", "$2")


_AS_SEEN = "as_seen AS MATERIALIZED (SELECT count(*) = json_array_length($3::json) AS made FROM held)"
_IF_AS_SEEN = "(SELECT a.made FROM as_seen a)"
_RESULT = "SELECT a.made, pg_current_xact_id()::xid AS row_version, clock_timestamp() AS now FROM as_seen a"


@cache
def _conditional(forms: _Forms, held: str) -> str:
    """The same where what is `held` is a row for each in the list that is $3."""
    found = f"held AS MATERIALIZED ({held.replace('{given}', '$3::json')})"
    parts = (_RANGE, found, _AS_SEEN, *_parts(forms, 4, _IF_AS_SEEN))
    return ranged(f"WITH {', '.join(parts)} {_RESULT}", "$1", "$2")


def _parts(forms: _Forms, number: int, *condition: str) -> Iterator[str]:
    """The arms, whose parameters begin with `number`; with rows only on the `condition`."""
    for arm, constants in forms:
        columns = ARMS[arm].columns
        if constants is None:
            given = _records(number, columns.items(), "g")
            number += 1
        else:
            given = _arrays(number, columns, constants)
            number += len(columns)
        own = f"g.{ARMS[arm].key}"
        statement = narrowed(ARMS[arm].statement, own)
        conditions = [*condition, *([few(own)] if statement != ARMS[arm].statement else [])]
        if conditions:
            given = f"(SELECT g.* FROM {given} WHERE {' AND '.join(conditions)}) AS g"
        # Not named as a table is: an arm that reads the table would read that instead.
        yield f"of_{arm} AS ({statement.replace('{given}', given)})"


def _arrays(number: int, columns: Mapping[str, str], constants: frozenset[str]) -> str:
    """Rows out of an array for each column but the `constants`: many cost less than a JSON list."""
    typed = {name: "text" if kind in AS_TEXT else kind for name, kind in columns.items()}
    at = {name: f"${number}" for number, name in enumerate(columns, number)}
    arrays = {name: f"{at[name]}::{kind}[]" for name, kind in typed.items() if name not in constants}
    unnested = f"unnest({', '.join(arrays.values())}) AS {{alias}}({', '.join(arrays)})"
    if not constants:
        return unnested.format(alias="g")
    shown = [
        f"u.{name}" if name in arrays else f"{at[name]}::{kind} AS {name}" for name, kind in typed.items()
    ]
    return f"(SELECT {', '.join(shown)} FROM {unnested.format(alias='u')}) AS g"
