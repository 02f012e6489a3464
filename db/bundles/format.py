"""What a bundle looks like, in format version 1.

A bundle is text in UTF-8 of which each line is a JSON object, its `kind` first:

    {"kind":"bundle","flowkeep":1}            the first line: this is a bundle, of this format version
    {"kind":"workflow","id":…,"name":…}       a workflow version, once, before its first execution
    {"kind":"execution","id":…}               an execution; what follows belongs to it, in this order:
    {"kind":"hold",…}                             the hold that it is under, if any
    {"kind":"state",…}                            the head of its state
    {"kind":"stateEntry",…}                       what each version did to each variable and field
    {"kind":"step",…}                             attempts at steps
    {"kind":"checkpoint",…}
    {"kind":"metric",…}                           points
    {"kind":"event",…}
    {"kind":"log",…}
    {"kind":"executionEnd","id":…,"lines":{"step":3,…}}    how many lines of each kind that were
    {"kind":"bundleEnd","executions":2}       the last line: nothing is missing

The other fields of a line are the columns of a row, by their names, without those that are NULL and without
`execution_id`, which is that of the execution above. Keys are the database's own UUIDs, so that ids stay the
same wherever a bundle is taken in. Columns that hold documents (`input`, `value`, `changes`, …) are strings
of JSON text: so no tool between changes the form of a number. Moments are ISO 8601 in UTC, bytes are `\\x`
and hexadecimal digits. The transaction ids of events are left out: they mean something in one database only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from db import models
from db.models.base import Base, Document

VERSION = 1
BUNDLE = "bundle"
EXECUTION_END = "executionEnd"
BUNDLE_END = "bundleEnd"

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_LEFT_OUT = {"xid"}


@dataclass(frozen=True, slots=True)
class Part:
    """A kind of lines: the table whose rows they are, and what names their owner.

    `columns` are those of a line with their types; `documents`, with json or jsonb, those that are strings of
    JSON. Lines of an execution are in the order of `order`.
    """

    kind: str
    table: str
    owner: str
    order: tuple[str, ...]
    columns: Mapping[str, str]
    documents: Mapping[str, str]

    def cast(self, column: str) -> str:
        """The type that a column of a line is read as."""
        return "text" if column in self.documents else self.columns[column]


def _part(kind: str, model: type[Base], owner: str, *order: str) -> Part:
    table = model.__table__
    assert isinstance(table, Table)
    left_out = {*_LEFT_OUT, owner} - {"id"}
    columns = [column for column in table.columns if column.name not in left_out]
    types = {column.name: column.type.compile(_DIALECT).split(" COLLATE")[0] for column in columns}
    documents = {column.name: types[column.name] for column in columns if isinstance(column.type, Document)}
    return Part(kind, table.name, owner, order, types, documents)


WORKFLOW = _part("workflow", models.Workflow, "id")
EXECUTION = _part("execution", models.Execution, "id")
# What an execution is made of, in the order of its lines.
PARTS = (
    _part("hold", models.Hold, "subject_id", "subject_type"),
    _part("state", models.State, "execution_id", "version"),
    _part("stateEntry", models.StateEntry, "execution_id", "field", "key", "version"),
    _part("step", models.Step, "execution_id", "seq"),
    _part("checkpoint", models.Checkpoint, "execution_id", "seq"),
    _part("metric", models.MetricPoint, "execution_id", "seq"),
    _part("event", models.Event, "execution_id", "seq"),
    _part("log", models.LogEntry, "execution_id", "seq"),
)
BY_KIND = {part.kind: part for part in PARTS}
# Columns of an execution with the greatest `seq` that its lines of a kind have; the next one is above it.
COUNTERS = {part.kind: f"{part.kind}_seq" for part in PARTS if part.order == ("seq",)}
