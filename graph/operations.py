"""One operation from a request to its answer, whatever it came through.

What is known without running anything comes first: the document with its limits, the scopes, the price.
A request that fails there is a `Rejection`; what happens later is in the answer's errors.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self, cast

import orjson
import strawberry
from graphql import GraphQLError, OperationType

from db.engine import Database
from db.errors import InvalidInput
from db.replica import Elsewhere, Replica, View, parse_lsn
from graph.answers import require_room
from graph.auth.errors import Forbidden
from graph.auth.principals import Principal
from graph.background import Background
from graph.context import Context
from graph.documents.document import Document, Operation
from graph.documents.halves import refuse_halves
from graph.documents.inputs import refuse_long_lists
from graph.documents.persisted import PersistedDocument, PersistedDocuments
from graph.errors import Rejection, coded, too_complex
from graph.execution.core.answering import Answering, Asking
from graph.execution.encoding import encoded
from graph.execution.plan import Answered
from graph.limits import Limits
from graph.live.feeds import Item
from graph.live.following import Following
from graph.live.tailer import Tailer
from graph.telemetry.record import note_errors, note_operation, note_source
from graph.throttle import Throttle

Answer = dict[str, Any]


@dataclass(slots=True)
class OperationRequest:
    """What a client asks: GraphQL over HTTP's parameters, with types that were checked."""

    named: PersistedDocument
    operation_name: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    extensions: dict[str, Any] = field(default_factory=dict)
    after: int = 0

    @classmethod
    def from_json(cls, body: object) -> Self:
        """From a JSON object; raises `Rejection` for parameters that can't be."""
        if isinstance(body, list):
            raise _malformed("Requests are not batched here: send one object, or several requests")
        if not isinstance(body, dict):
            raise _malformed("The body should be a JSON object with a `query`")
        extensions = _parameter(body, "extensions", dict) or {}
        return cls(
            PersistedDocument(
                _parameter(body, "query", str),
                _automatic(extensions.get("persistedQuery")),
                _parameter(body, "documentId", str),
            ),
            _parameter(body, "operationName", str),
            _parameter(body, "variables", dict) or {},
            extensions,
            _position(extensions.get("after")),
        )


def _parameter(body: dict[str, Any], name: str, kind: type[str] | type[dict[str, Any]]) -> Any:
    value = body.get(name)
    if value is not None and not isinstance(value, kind):
        raise _malformed(f"`{name}` should be {'text' if kind is str else 'an object'}")
    return value


def _automatic(named: object) -> str | None:
    if named is None:
        return None
    sha256 = named.get("sha256Hash") if isinstance(named, dict) else None
    if not isinstance(sha256, str) or not isinstance(named, dict) or named.get("version", 1) != 1:
        raise _malformed('`extensions.persistedQuery` should be {"version": 1, "sha256Hash": "…"}')
    return sha256


def _position(after: object) -> int:
    if after is None:
        return 0
    try:
        return parse_lsn(after if isinstance(after, str) else "")
    except InvalidInput as error:
        raise _malformed('`extensions.after` should be a position, such as "16/B374D848"') from error


def _malformed(message: str) -> Rejection:
    return Rejection.of(f"{message}.", "BAD_USER_INPUT", 400)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation that may run for this caller."""

    operation: Operation
    request: OperationRequest
    principal: Principal
    document: Document
    cost: int

    @property
    def is_read(self) -> bool:
        """Whether it only reads, so that it may be stopped at any time."""
        return self.operation.kind is not OperationType.MUTATION

    @property
    def is_subscription(self) -> bool:
        """Whether it has answers until it is stopped."""
        return self.operation.kind is OperationType.SUBSCRIPTION

    @property
    def shape(self) -> tuple[str, str | None, bytes]:
        """What an answer depends on besides the item that it is about."""
        given = self.request.variables
        # What is left out differs from null: its default holds.
        used = {name: given[name] for name in self.operation.nested_variables if name in given}
        return self.document.hash, self.operation.name, orjson.dumps(used, option=orjson.OPT_SORT_KEYS)


class Operations:
    """Prepares and runs operations on one database and one schema."""

    def __init__(
        self,
        schema: strawberry.Schema,
        database: Database,
        documents: PersistedDocuments,
        limits: Limits,
        throttle: Throttle,
        tailer: Tailer,
        background: Background,
        replica: Replica | None = None,
        *,
        suggestions: bool,
    ) -> None:
        self._answering = Answering(schema, hide_suggestions=not suggestions)
        self._database = database
        self._documents = documents
        self._limits = limits
        self._throttle = throttle
        self._tailer = tailer
        self._background = background
        self._replica = replica
        self._followed: Counter[str] = Counter()

    def count(self, principal: Principal) -> None:
        """Count a request that goes no further; raises `Rejection` where the caller made too many."""
        self._throttle.take(principal.key)

    def prepare(self, request: OperationRequest, principal: Principal) -> Prepared:
        """Everything that can be known before running; raises `Rejection`."""
        self._throttle.take(principal.key)
        document = self._documents.find(request.named)
        operation = document.operation(request.operation_name)
        note_operation(document, operation, principal.name)
        for scope, node in operation.measured.scopes.items():
            if not principal.may(scope):
                refusal = Forbidden(scope)
                raise Rejection([GraphQLError(str(refusal), node, extensions={"code": refusal.code})])
        variables = request.variables
        try:
            refuse_halves(variables, operation.lists)
            refuse_long_lists(variables, operation.lists, self._limits.list_items)
            cost = operation.measured.price.total({**operation.defaults, **variables})
            if cost > self._limits.cost:
                raise too_complex(
                    f"This could fetch {cost} rows, where {self._limits.cost} is the limit: "
                    "ask for smaller pages with `first`."
                )
        except GraphQLError as error:
            raise Rejection([error]) from error
        return Prepared(operation, request, principal, document, cost)

    async def run(self, prepared: Prepared) -> Answer:
        """Run a query or a mutation to its answer; cancelled, it stops what it fetches."""
        if prepared.is_subscription:
            raise Rejection.of(
                "A subscription takes a WebSocket (graphql-transport-ws), or `Accept: text/event-stream`.",
                "BAD_USER_INPUT",
                400,
            )
        asking = self._asking(prepared, await self._view(prepared))
        try:
            return self._answer(
                self._with_room(await self._answering.answer(asking), asking, prepared.cost), prepared
            )
        except asyncio.CancelledError:
            asking.context.loaders.cancel()
            raise
        finally:
            asking.context.budget.release()

    @asynccontextmanager
    async def follow(self, prepared: Prepared) -> AsyncIterator[AsyncGenerator[str, None]]:
        """A subscription's answers as JSON texts; raises `Rejection` where it can't start."""
        key = prepared.principal.key
        if self._followed[key] >= self._limits.followed:
            raise Rejection.of(
                f"More than {self._limits.followed} subscriptions of one caller at once.", "RATE_LIMITED"
            )
        self._followed[key] += 1
        try:
            async with aclosing(self._answers(prepared, await self._source(prepared))) as answers:
                yield answers
        finally:
            self._followed[key] -= 1
            if not self._followed[key]:
                del self._followed[key]

    async def _answers(self, prepared: Prepared, following: Following) -> AsyncGenerator[str, None]:
        shape = prepared.shape

        async def answer(roots: list[Any]) -> list[Answered]:
            asking = self._asking(prepared)
            try:
                found = await self._answering.answer_each(asking, roots)
                return [self._with_room(one, asking, prepared.cost) for one in found]
            finally:
                asking.context.budget.release()

        # What one answer may fetch, so many answers may that are loaded together.
        most = max(1, self._limits.rows // max(1, prepared.cost))
        async with aclosing(cast(AsyncGenerator[list[Item], None], aiter(following))) as batches:
            async for batch in batches:
                for at in range(0, len(batch), most):
                    part = batch[at : at + most]
                    for text in await encoded(part, shape, following, answer):
                        yield text

    async def _source(self, prepared: Prepared) -> Following:
        asking = self._asking(prepared)
        try:
            return cast(Following, await self._answering.source(asking))
        finally:
            asking.context.budget.release()

    async def _view(self, prepared: Prepared) -> View | None:
        """The replica, for a query that it may answer."""
        if self._replica is None or prepared.operation.kind is not OperationType.QUERY:
            return None
        try:
            view = await self._replica.view(prepared.request.after)
        except Elsewhere as elsewhere:
            note_source(elsewhere.reason)
            return None
        note_source("replica")
        return view

    def _asking(self, prepared: Prepared, view: View | None = None) -> Asking:
        context = Context(
            self._database,
            self._limits,
            prepared.principal,
            self._tailer,
            self._background,
            writes=not prepared.is_read,
            view=view,
        )
        return Asking(prepared.document, prepared.operation, prepared.request.variables, context)

    def _with_room(self, answered: Answered, asking: Asking, cost: int) -> Answered:
        """The answer, or in its place that it takes more bytes than there is room for."""
        most, shown = self._limits.answer_bytes, answered.shown
        if shown is None:
            shown = asking.operation.measured.fields * max(1, cost)
        # Mostly it is plain that there is room, even if all of its values were as long as the longest.
        if asking.context.budget.widest * shown <= most:
            return answered
        try:
            require_room(answered.data, most)
        except GraphQLError as error:
            return Answered(None, [error])
        return answered

    def _answer(self, answered: Answered, prepared: Prepared) -> Answer:
        answer: Answer = {}
        if answered.errors:
            errors = [coded(error) for error in answered.errors]
            note_errors(errors)
            answer["errors"] = [error.formatted for error in errors]
        answer["data"] = answered.data
        if prepared.request.extensions.get("cost"):
            answer["extensions"] = {"cost": {"rows": prepared.cost, "limit": self._limits.cost}}
        return answer

    @property
    def lag(self) -> float:
        """Seconds since when commits may not have reached the followers yet."""
        return self._tailer.lag

    @staticmethod
    def rejected(rejection: Rejection) -> Answer:
        """The answer to a request that was not executed: errors, and no data."""
        note_errors(rejection.errors)
        return {"errors": [error.formatted for error in rejection.errors]}
