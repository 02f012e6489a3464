"""What is known of the request that runs, noted on its way and read at its end.

Whoever knows something says so here, and needs to know nothing of metrics, logs or traces. Outside of a
request a note goes nowhere.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal, Protocol

from graphql import GraphQLError

from graph.documents.document import Document, Operation

Transport = Literal["http", "websocket"]


class Spans(Protocol):
    """Makes spans of a trace."""

    def operation(self, document: Document, operation: Operation) -> AbstractContextManager[object]:
        """A span around the run of an operation."""


@dataclass(slots=True)
class RequestRecord:
    """One request: an HTTP request, or an operation on a WebSocket."""

    id: str
    transport: Transport
    started: float
    spans: Spans | None = None
    document: Document | None = None
    operation: Operation | None = None
    actor: str | None = None
    status: int | None = None
    codes: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    unplanned: str | None = None
    source: str | None = None
    file: str | None = None

    @property
    def kind(self) -> str:
        """What kind of operation it is, or `download`; `none` where it did not come to one."""
        if self.file is not None:
            return "download"
        return "none" if self.operation is None else self.operation.kind.value

    @property
    def name(self) -> str | None:
        """The name of the operation, or of the file."""
        return self.file if self.operation is None else self.operation.name


CURRENT: ContextVar[RequestRecord | None] = ContextVar("request", default=None)


def note_operation(document: Document, operation: Operation, actor: str) -> None:
    """The request asks for this, and may."""
    record = CURRENT.get()
    if record is not None:
        record.document, record.operation, record.actor = document, operation, actor


def note_download(file: str, actor: str) -> None:
    """The request asks for this file, and may."""
    record = CURRENT.get()
    if record is not None:
        record.file, record.actor = file, actor


def note_code(code: str) -> None:
    """The request is answered with an error."""
    record = CURRENT.get()
    if record is not None:
        record.codes.append(code)


def note_errors(errors: Iterable[GraphQLError]) -> None:
    """The answer has these errors."""
    record = CURRENT.get()
    if record is not None:
        record.codes += [str((error.extensions or {}).get("code")) for error in errors]


def note_refusal(mutation: str, error: str) -> None:
    """A mutation changed nothing, and was answered with this error type."""
    record = CURRENT.get()
    if record is not None:
        record.refused[mutation] = error


def note_unplanned(reason: str) -> None:
    """The document has no plan, and is answered by graphql-core."""
    record = CURRENT.get()
    if record is not None:
        record.unplanned = reason


def note_source(source: str) -> None:
    """Where the operation reads: `replica`, or why from the primary where there is a replica."""
    record = CURRENT.get()
    if record is not None:
        record.source = source


def running(document: Document, operation: Operation) -> AbstractContextManager[object]:
    """To be entered around an operation's run."""
    record = CURRENT.get()
    if record is None or record.spans is None:
        return nullcontext()
    return record.spans.operation(document, operation)
