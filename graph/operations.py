"""One operation from a request to its answer, whatever it came through.

What is known without running anything comes first: the document with its limits, the scopes, the price.
A request that fails there is a `Rejection`; what happens later is in the answer's errors.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self, TypeGuard, cast

from graphql import ExecutionResult, GraphQLError, GraphQLSchema, OperationType, execute
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from db.engine import Database
from graph.auth.errors import Forbidden
from graph.auth.principals import Principal
from graph.context import Context
from graph.documents.document import Operation
from graph.documents.inputs import refuse_long_lists
from graph.documents.limits import too_complex
from graph.documents.persisted import Named, PersistedDocuments
from graph.errors import Rejection, coded
from graph.limits import Limits
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
    document: Any
    cost: int


class Operations:
    """Prepares and runs operations on one database and one schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        database: Database,
        documents: PersistedDocuments,
        limits: Limits,
        throttle: Throttle,
        *,
        suggestions: bool,
    ) -> None:
        self._schema = schema
        self._database = database
        self._documents = documents
        self._limits = limits
        self._throttle = throttle
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
        return Prepared(operation, request, principal, document.ast, cost)

    async def run(self, prepared: Prepared) -> Answer:
        """Run a query or a mutation to its answer; cancelled, it stops what it fetches."""
        context = Context(self._database, self._limits, prepared.principal)
        try:
            result = execute(
                self._schema,
                prepared.document,
                context_value=context,
                variable_values=prepared.request.variables,
                operation_name=prepared.operation.name,
                is_awaitable=_is_awaitable,
                executor_class=StrawberryGraphQLCoreExecutionContext,
                hide_suggestions=self._hide_suggestions,
            )
            if _is_awaitable(result):
                result = await result
        except asyncio.CancelledError:
            context.loaders.cancel()
            raise
        return self._answer(cast(ExecutionResult, result), prepared)

    def _answer(self, result: ExecutionResult, prepared: Prepared) -> Answer:
        answer: Answer = {}
        if result.errors:
            errors = [coded(error) for error in result.errors]
            if result.data is None and all(error.path is None for error in errors):
                raise Rejection(errors)  # variables that don't fit: nothing ran
            answer["errors"] = [error.formatted for error in errors]
        answer["data"] = result.data
        if prepared.request.extensions.get("cost"):
            answer["extensions"] = {"cost": {"rows": prepared.cost, "limit": self._limits.cost}}
        return answer

    @staticmethod
    def rejected(rejection: Rejection) -> Answer:
        """The answer to a request that was not executed: errors, and no data."""
        return {"errors": [error.formatted for error in rejection.errors]}


def is_read(prepared: Prepared) -> bool:
    """Whether an operation only reads, so that it may be stopped at any time."""
    return prepared.operation.kind is not OperationType.MUTATION
