"""Looks whether lines are a bundle, as far as that can be told without a database, and says where not."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from db.bundles import format
from db.bundles.format import BY_KIND, COUNTERS, EXECUTION, PARTS, WORKFLOW
from db.errors import InvalidInput

_PLACES = {part.kind: place for place, part in enumerate(PARTS)}
_ROWS = {**BY_KIND, WORKFLOW.kind: WORKFLOW, EXECUTION.kind: EXECUTION}
_HEADER = f'{{"kind":"{format.BUNDLE}","flowkeep":{format.VERSION}}}'


@dataclass(frozen=True, slots=True)
class Record:
    """A line: its number, its kind, its fields and its text."""

    number: int
    kind: str
    fields: dict[str, Any]
    text: str

    def key(self, name: str) -> UUID:
        """A field that is a key; raises `InvalidInput` for anything else."""
        try:
            return UUID(self.fields[name])
        except (KeyError, ValueError, AttributeError, TypeError):
            raise self.wrong(f"its `{name}` is no key.") from None

    def wrong(self, what: str) -> InvalidInput:
        """The error that says what is wrong with the line."""
        return InvalidInput(f"Line {self.number}: {what}")


class Records:
    """The records of a bundle in their order: workflows, and executions up to `executionEnd`.

    `number` is that of the last line. Raises `InvalidInput` with the line's number for what is no line of a
    bundle of this format version, and where lines are missing.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self.number = 0
        self._executions = 0

    def __iter__(self) -> Iterator[Record]:
        self._begin()
        workflows: set[UUID] = set()
        while (record := self._next("its last line is missing")).kind != format.BUNDLE_END:
            if record.kind == WORKFLOW.kind:
                workflows.add(record.key("id"))
                yield record
            elif record.kind != EXECUTION.kind:
                raise record.wrong(f"no execution comes before this `{record.kind}`.")
            elif record.key("workflow_id") not in workflows:
                raise record.wrong("the workflow version of this execution has not come before it.")
            else:
                yield from self._execution(record)
        self._end(record)

    def _begin(self) -> None:
        self.number += 1
        fields = _object(next(self._lines, b"")) or {}
        version = fields.get("flowkeep")
        if fields.get("kind") != format.BUNDLE or not isinstance(version, int):
            raise InvalidInput(f"Line 1: this is no bundle, which would begin with {_HEADER}.")
        if version != format.VERSION:
            raise InvalidInput(
                f"Line 1: the bundle has format version {version}, where this release reads version "
                f"{format.VERSION}."
            )

    def _execution(self, head: Record) -> Iterator[Record]:
        _require_others(head)
        yield head
        id, counts, place = str(head.key("id")), Counter[str](), 0
        while (record := self._next(f"it ends within execution {id}")).kind != format.EXECUTION_END:
            if record.kind not in _PLACES:
                raise record.wrong(f"execution {id} has not ended before this `{record.kind}`.")
            if _PLACES[record.kind] < place:
                raise record.wrong(f"a `{PARTS[place].kind}` comes before this `{record.kind}`.")
            place = _PLACES[record.kind]
            counts[record.kind] += 1
            _require_counted(head, record)
            yield record
        if record.fields != {"kind": record.kind, "id": id, "lines": dict(counts)}:
            found = orjson.dumps({"id": id, "lines": counts}).decode()
            raise record.wrong(
                f"this does not fit what came before it, which was {found}: lines are missing."
            )
        self._executions += 1
        yield record

    def _end(self, last: Record) -> None:
        if last.fields.get("executions") != self._executions:
            raise last.wrong(f"{self._executions} executions came before it, so some are missing.")
        if next(self._lines, b""):
            raise InvalidInput(f"Line {self.number + 1}: the bundle ended before this line.")

    def _next(self, missing: str) -> Record:
        line = next(self._lines, b"")
        if not line:
            raise InvalidInput(f"The bundle is cut behind line {self.number}: {missing}.")
        self.number += 1
        fields = _object(line)
        if fields is None and not line.endswith(b"\n"):
            raise InvalidInput(f"The bundle is cut in the middle of line {self.number}: {missing}.")
        if fields is None:
            raise InvalidInput(f"Line {self.number}: this is no JSON object.")
        record = Record(self.number, str(fields.get("kind")), fields, line.decode())
        self._require_known(record)
        return record

    def _require_known(self, record: Record) -> None:
        if record.kind in (format.EXECUTION_END, format.BUNDLE_END):
            return
        if record.kind not in _ROWS:
            raise record.wrong(f"a bundle has no lines of the kind {record.kind!r}.")
        unknown = record.fields.keys() - _ROWS[record.kind].columns.keys() - {"kind"}
        if unknown:
            raise record.wrong(f"a `{record.kind}` has no {sorted(unknown)[0]!r}.")
        for name in record.fields.keys() & _ROWS[record.kind].documents.keys():
            if not isinstance(record.fields[name], str | None):
                raise record.wrong(f"its `{name}` is no string of JSON text, as documents in a bundle are.")


def _require_others(head: Record) -> None:
    """Refuse an execution that would come from itself."""
    for name in ("parent_id", "forked_from_execution_id"):
        if head.fields.get(name) is not None and head.key(name) == head.key("id"):
            raise head.wrong(f"its `{name}` is its own id, and no execution comes from itself.")


def _require_counted(head: Record, record: Record) -> None:
    """Refuse a number that the execution would give again."""
    if (counter := COUNTERS.get(record.kind)) is None:
        return
    last, seq = head.fields.get(counter), record.fields.get("seq")
    if not isinstance(last, int):
        raise head.wrong(f"its `{counter}` is no number.")
    if not isinstance(seq, int):
        raise record.wrong("its `seq` is no number.")
    if seq > last:
        raise record.wrong(
            f"its `seq` is {seq}, but its execution (line {head.number}) has counted up to {last}: "
            f"`{counter}` is the greatest."
        )


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
