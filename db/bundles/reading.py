"""Makes a bundle of executions, page by page: never more in memory than a page of bounded size."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

import asyncpg
import orjson

from db.bundles import format
from db.bundles.format import EXECUTION, PARTS, WORKFLOW, Part
from db.engine import Database
from db.errors import FlowkeepError, NotFound

_MOST_ROWS = 1_000
_FIRST_ROWS = 50
_MOST_BYTES = 1024 * 1024
# Whatever the server's own settings are, lines look the same.
_FORMS = """
SELECT set_config('TimeZone', 'UTC', true), set_config('IntervalStyle', 'iso_8601', true),
       set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true)
"""


class Unwritten(FlowkeepError):
    """What the bundle is written to does not take it; the OSError is the cause."""

    @classmethod
    def of(cls, error: OSError) -> Self:
        """The error for what the system said."""
        return cls(f"The bundle can't be written: {error.strerror or error}.")


@dataclass(slots=True)
class Export:
    """A bundle that is being made: `write` gets its bytes, lines as a whole; an OSError becomes `Unwritten`.

    Its reads have the share of connections that `caller` has, where one is given.
    """

    database: Database
    write: Callable[[bytes], object]
    caller: Hashable | None = None
    executions: int = 0
    lines: int = 0
    _workflows: set[UUID] = field(default_factory=set)

    def begin(self) -> None:
        """Write the first line."""
        self._write_line({"kind": format.BUNDLE, "flowkeep": format.VERSION})

    async def add(self, execution_id: UUID) -> None:
        """Write an execution, as it is at one moment; raises `NotFound`, having written nothing of it.

        That moment lasts as long as it takes to write: what `write` does should not wait for anybody.
        """
        async with (
            self.database.reading(self.caller) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(_FORMS)
            await self._add(connection, execution_id)
        self.executions += 1

    def end(self) -> None:
        """Write the last line, without which a bundle counts as cut."""
        self._write_line({"kind": format.BUNDLE_END, "executions": self.executions})

    async def _add(self, connection: asyncpg.Connection, execution_id: UUID) -> None:
        head = await connection.fetchrow(_ONE[EXECUTION.kind], execution_id)
        if head is None:
            raise NotFound("execution", f"exec_{execution_id.hex}")
        workflow_id = head["workflow_id"]
        if workflow_id not in self._workflows:
            self._write([await connection.fetchval(_ONE[WORKFLOW.kind], workflow_id)])
            self._workflows.add(workflow_id)
        self._write([head["line"]])
        counts: Counter[str] = Counter()
        for part in PARTS:
            async for page in _pages(connection, part, execution_id):
                self._write(page)
                counts[part.kind] += len(page)
        self._write_line({"kind": format.EXECUTION_END, "id": str(execution_id), "lines": counts})

    def _write_line(self, line: dict[str, Any]) -> None:
        self._write([orjson.dumps(line).decode()])

    def _write(self, lines: list[str]) -> None:
        try:
            self.write("".join(f"{line}\n" for line in lines).encode())
        except OSError as error:  # which would be taken for one of the connection to the database
            raise Unwritten.of(error) from error
        self.lines += len(lines)


async def _pages(connection: asyncpg.Connection, part: Part, execution_id: UUID) -> AsyncIterator[list[str]]:
    """The lines of one kind of an execution."""
    size, place = _FIRST_ROWS, None
    more = True
    while more:
        if place is None:
            rows = await connection.fetch(_FIRST_PAGE[part.kind], execution_id, size, _MOST_BYTES)
        else:
            rows = await connection.fetch(_NEXT_PAGE[part.kind], execution_id, size, _MOST_BYTES, *place)
        if not rows:
            return
        yield [row["line"] for row in rows]
        place = [rows[-1][name] for name in part.order]
        more = len(rows) == size or len(rows) < rows[-1]["looked_at"]
        # Where bytes ended the page, lines were made for nothing: of such rows fewer are asked for.
        size = min(_MOST_ROWS, 2 * len(rows))


def _line(part: Part) -> str:
    """SQL: a row `c` as a line."""
    columns = [f"'{part.kind}' AS kind"]
    columns += [f"c.{name}{'::text' * (name in part.documents)}" for name in part.columns]
    return f"(SELECT json_strip_nulls(row_to_json(r))::text FROM (SELECT {', '.join(columns)}) r)"


def _one(part: Part, *others: str) -> str:
    selected = ", ".join([f"{_line(part)} AS line", *(f"c.{name}" for name in others)])
    return f"SELECT {selected} FROM {part.table} c WHERE c.{part.owner} = $1"


def _page(part: Part, after: str) -> str:
    """A page of lines: of the next $2 those that begin within $3 bytes, which is one at least."""
    order = ", ".join(part.order)
    own = ", ".join(f"c.{name}" for name in part.order)
    return f"""
    SELECT {order}, line, looked_at FROM (
        SELECT {order}, line, count(*) OVER () AS looked_at, sum(octet_length(line)) OVER w AS bytes
        FROM (
            SELECT {own}, {_line(part)} AS line FROM {part.table} c
            WHERE c.{part.owner} = $1 {after} ORDER BY {own} LIMIT $2::bigint
        ) lines WINDOW w AS (ORDER BY {order} ROWS UNBOUNDED PRECEDING)
    ) page WHERE bytes - octet_length(line) < $3::bigint ORDER BY {order}
    """


def _after(part: Part) -> str:
    own = ", ".join(f"c.{name}" for name in part.order)
    return f"AND ({own}) > ({', '.join(f'${4 + at}' for at in range(len(part.order)))})"


_ONE = {EXECUTION.kind: _one(EXECUTION, "workflow_id"), WORKFLOW.kind: _one(WORKFLOW)}
_FIRST_PAGE = {part.kind: _page(part, "") for part in PARTS}
_NEXT_PAGE = {part.kind: _page(part, _after(part)) for part in PARTS}
