"""One document answered by its plan and by stock Strawberry over graphql-core, on the same database."""

import re
from dataclasses import dataclass, field
from typing import Any

import orjson
import strawberry
from graphql import GraphQLError
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from db.engine import Database
from graph.auth.principals import ANONYMOUS
from graph.background import Background
from graph.context import Context
from graph.documents.document import Document, Documents
from graph.errors import Rejection, coded
from graph.execution.core.answering import Answering, Asking
from graph.live.tailer import Tailer
from graph.private import core_schema
from graph.schema import schema as our_schema
from graph.settings import Settings
from graph.telemetry.record import CURRENT, RequestRecord

SETTINGS = Settings()
_CORRELATION = re.compile(r"[0-9a-f]{32}(?=\.\"|\")")

Path = tuple[str | int, ...]


@dataclass
class Answer:
    """Data as text, None where nothing was executed, and errors as clients see them."""

    data: bytes | None
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """The errors as texts that can be compared."""
        return sorted(orjson.dumps(error, option=orjson.OPT_SORT_KEYS).decode() for error in self.errors)

    @property
    def nulled(self) -> set[Path]:
        """The places that errors made null."""
        assert self.data is not None
        data = orjson.loads(self.data)
        return {_nulled(data, tuple(error["path"])) for error in self.errors}


def _nulled(data: Any, path: Path) -> Path:
    for length, key in enumerate(path):
        if data is None:
            return path[:length]
        data = data[key]
    return path


class Both:
    """Asks both the same, of our schema unless of another."""

    def __init__(self, database: Database, schema: strawberry.Schema = our_schema) -> None:
        self.database = database
        self._schema = schema
        self._documents = Documents(core_schema(schema), SETTINGS.document_limits)
        self._answering = Answering(schema, hide_suggestions=False)
        self._tailer = Tailer(database)
        self.unplanned: str | None = None

    def document(self, text: str) -> Document | None:
        """The document; None for one that does not pass the limits."""
        try:
            return self._documents.get(text)
        except Rejection:
            return None

    async def planned(self, document: Document, variables: dict[str, Any]) -> Answer:
        """The answer by the document's plan; `unplanned` says whether there was none, and why."""
        seen = RequestRecord("", "http", 0.0)
        token = CURRENT.set(seen)
        try:
            answered = await self._answering.answer(
                Asking(document, document.operations[0], variables, self.context())
            )
        except Rejection as rejection:
            return Answer(None, [_shown(error) for error in rejection.errors])
        finally:
            CURRENT.reset(token)
            self.unplanned = seen.unplanned
        return Answer(_text(answered.data), [_shown(coded(error)) for error in answered.errors])

    async def stock(
        self, document: Document, variables: dict[str, Any], *, all_errors: bool = False
    ) -> Answer:
        """The answer of graphql-core; with `all_errors` nothing is taken along by an error."""
        executor: Any = StrawberryGraphQLCoreExecutionContext.build(
            core_schema(self._schema),
            document.ast,
            context_value=self.context(),
            raw_variable_values=variables,
        )
        if isinstance(executor, list):
            return Answer(None, [_shown(coded(error)) for error in executor])
        executor.error_propagation = not all_errors
        result: Any = executor.execute_operation()
        if not hasattr(result, "data"):
            result = await result
        return Answer(_text(result.data), [_shown(coded(error)) for error in result.errors or ()])

    async def assert_alike(self, text: str, **variables: Any) -> Answer | None:
        """Data byte for byte; errors too, but for which speaks where several made a place null."""
        document = self.document(text)
        if document is None:
            return None
        ours = await self.planned(document, variables)
        theirs = await self.stock(document, variables)
        assert ours.data == theirs.data, text
        if ours.data is None or ours.texts == theirs.texts:
            assert ours.texts == theirs.texts, text
            return ours
        possible = await self.stock(document, variables, all_errors=True)
        assert ours.nulled == theirs.nulled, text
        assert {*ours.texts} <= {*possible.texts}, text
        return ours

    def context(self) -> Context:
        """A context for one operation."""
        return Context(self.database, SETTINGS.limits, ANONYMOUS, self._tailer, Background())


def _text(data: Any) -> bytes:
    return orjson.dumps(data, option=orjson.OPT_UTC_Z)


def _shown(error: GraphQLError) -> dict[str, Any]:
    text = orjson.dumps(error.formatted, option=orjson.OPT_UTC_Z)
    masked: dict[str, Any] = orjson.loads(_CORRELATION.sub("<id>", text.decode()))
    return masked
