"""One operation from a request to its answer, whatever it came through.

What is known without running anything comes first: the document with its limits, the scopes, the price.
A request that fails there is a `Rejection`; what happens later is in the answer's errors.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import orjson
import strawberry
from graphql import GraphQLError, OperationType

from db.engine import Database
from db.replica import Elsewhere, Positions, Replica, View
from graph.answers import require_room
from graph.auth.errors import Forbidden
from graph.auth.principals import Principal
from graph.background import Background
from graph.context import Context
from graph.documents.document import Document, Operation
from graph.documents.halves import refuse_halves
from graph.documents.inputs import refuse_long_lists
from graph.documents.persisted import PersistedDocuments
from graph.errors import Rejection, coded, too_complex
from graph.execution.core.answering import Answering, Asking
from graph.execution.encoding import Answers, encoded
from graph.execution.plan import Answered
from graph.limits import Limits
from graph.live.feeds import Item
from graph.live.following import Following
from graph.live.tailer import Tailer
from graph.operation_request import OperationRequest
from graph.telemetry.record import note_errors, note_operation, note_source
from graph.throttle import Throttle

Answer = dict[str, Any]


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
        self._positions = None if replica is None else Positions(database)
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
            cost = operation.measured.cost(operation.defaults, variables)
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
            answered = self._with_room(await self._answering.answer(asking), asking, prepared.cost)
            return self._answer(answered, prepared, None if prepared.is_read else await self._position())
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

        async def answer(roots: list[Any]) -> Answers:
            asking = self._asking(prepared)
            try:
                found = await self._answering.answer_each(asking, roots)
                shown = [self._with_room(one, asking, prepared.cost) for one in found]
                return Answers(shown, await self._position())
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

    async def _position(self) -> str | None:
        """Where the database's log ends, for who may read from the replica next."""
        return None if self._positions is None else await self._positions.now()

    def _asking(self, prepared: Prepared, view: View | None = None) -> Asking:
        context = Context(
            self._database,
            self._limits,
            prepared.principal,
            self._tailer,
            self._background,
            writes=not prepared.is_read,
            replica=self._replica,
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

    def _answer(self, answered: Answered, prepared: Prepared, position: str | None) -> Answer:
        answer: Answer = {}
        extensions: dict[str, Any] = {}
        if answered.errors:
            errors = [coded(error) for error in answered.errors]
            note_errors(errors)
            answer["errors"] = [error.formatted for error in errors]
        answer["data"] = answered.data
        if prepared.request.extensions.get("cost"):
            extensions["cost"] = {"rows": prepared.cost, "limit": self._limits.cost}
        if position is not None:
            extensions["position"] = position
        if extensions:
            answer["extensions"] = extensions
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
