"""One operation from a request to its answer, whatever it came through.

What is known without running anything comes first: the document with its limits, the scopes, the price.
A request that fails there is a `Rejection`; what happens later is in the answer's errors.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Self, TypeGuard, cast

import orjson
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    create_source_event_stream,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from db.engine import Database
from graph.auth.errors import Forbidden
from graph.auth.principals import Principal
from graph.context import Context
from graph.documents.document import Document, Operation
from graph.documents.inputs import refuse_long_lists
from graph.documents.limits import too_complex
from graph.documents.persisted import Named, PersistedDocuments
from graph.errors import Rejection, coded
from graph.limits import Limits
from graph.live.encoding import encoded
from graph.live.feeds import Item
from graph.live.following import Following
from graph.live.tailer import Tailer
from graph.throttle import Throttle

Answer = dict[str, Any]

_is_awaitable = cast(Callable[[Any], TypeGuard[Awaitable[Any]]], optimized_is_awaitable)


@dataclass(slots=True)
class Request:
    """What a client asks: GraphQL over HTTP's parameters, with types that were checked."""

    named: Named
    operation_name: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    extensions: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, body: object) -> Self:
        """From a JSON object; raises `Rejection` for parameters that can't be."""
        if isinstance(body, list):
            raise _malformed("Requests are not batched here: send one object, or several requests")
        if not isinstance(body, dict):
            raise _malformed("The body should be a JSON object with a `query`")
        extensions = _parameter(body, "extensions", dict) or {}
        return cls(
            Named(
                _parameter(body, "query", str),
                _automatic(extensions.get("persistedQuery")),
                _parameter(body, "documentId", str),
            ),
            _parameter(body, "operationName", str),
            _parameter(body, "variables", dict) or {},
            extensions,
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


def _malformed(message: str) -> Rejection:
    return Rejection.of(f"{message}.", "BAD_USER_INPUT", 400)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation that may run for this caller."""

    operation: Operation
    request: Request
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
        used = {name: self.request.variables.get(name) for name in self.operation.nested_variables}
        return self.document.hash, self.operation.name, orjson.dumps(used, option=orjson.OPT_SORT_KEYS)


class Operations:
    """Prepares and runs operations on one database and one schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        database: Database,
        documents: PersistedDocuments,
        limits: Limits,
        throttle: Throttle,
        tailer: Tailer,
        *,
        suggestions: bool,
    ) -> None:
        self._schema = schema
        self._database = database
        self._documents = documents
        self._limits = limits
        self._throttle = throttle
        self._tailer = tailer
        self._followed: Counter[str] = Counter()
        self._hide_suggestions = not suggestions

    def prepare(self, request: Request, principal: Principal) -> Prepared:
        """Everything that can be known before running; raises `Rejection`."""
        self._throttle.take(principal.key)
        document = self._documents.find(request.named)
        operation = document.operation(request.operation_name)
        for scope, node in operation.measured.scopes.items():
            if not principal.may(scope):
                refusal = Forbidden(scope)
                raise Rejection([GraphQLError(str(refusal), node, extensions={"code": refusal.code})])
        variables = request.variables
        try:
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
        context = self._context(prepared)
        try:
            result = self._executor(prepared, context).execute_operation()
            if _is_awaitable(result):
                result = await result
        except asyncio.CancelledError:
            context.loaders.cancel()
            raise
        return self._answer(cast(ExecutionResult, result), prepared)

    async def follow(self, prepared: Prepared) -> AsyncGenerator[str, None]:
        """A subscription's answers as JSON texts, until closed; raises `Rejection` where it can't start."""
        key = prepared.principal.key
        if self._followed[key] >= self._limits.followed:
            raise Rejection.of(
                f"More than {self._limits.followed} subscriptions of one caller at once.", "RATE_LIMITED"
            )
        return self._answers(prepared, await self._source(prepared))

    async def _answers(self, prepared: Prepared, following: Following) -> AsyncGenerator[str, None]:
        key, shape = prepared.principal.key, prepared.shape
        self._followed[key] += 1
        try:
            async with aclosing(cast(AsyncGenerator[list[Item], None], aiter(following))) as batches:
                async for batch in batches:
                    for text in await encoded(batch, shape, following, lambda: self._fresh(prepared)):
                        yield text
        finally:
            self._followed -= Counter({key: 1})

    def _fresh(self, prepared: Prepared) -> Executor[Any]:
        return self._executor(prepared, self._context(prepared))

    async def _source(self, prepared: Prepared) -> Following:
        source = create_source_event_stream(self._fresh(prepared))
        if _is_awaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise Rejection([coded(error) for error in source.errors or ()])
        return cast(Following, source)

    def _context(self, prepared: Prepared) -> Context:
        return Context(self._database, self._limits, prepared.principal, self._tailer)

    def _executor(self, prepared: Prepared, context: Context) -> Executor[Any]:
        """An executor for one run; raises `Rejection` for variables that don't fit."""
        built = StrawberryGraphQLCoreExecutionContext.build(
            self._schema,
            prepared.document.ast,
            context_value=context,
            raw_variable_values=prepared.request.variables,
            operation_name=prepared.operation.name,
            is_awaitable=_is_awaitable,
            hide_suggestions=self._hide_suggestions,
        )
        if isinstance(built, list):
            raise Rejection([coded(error) for error in built])
        return built

    def _answer(self, result: ExecutionResult, prepared: Prepared) -> Answer:
        answer: Answer = {}
        if result.errors:
            answer["errors"] = [coded(error).formatted for error in result.errors]
        answer["data"] = result.data
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
        return {"errors": [error.formatted for error in rejection.errors]}
