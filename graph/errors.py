"""From errors to GraphQL's error list: a code for each, and nothing of our insides.

An error of the domain goes out with its own message and code. Anything else is a bug: it is logged with
its traceback under a correlation id, and only that id goes out.
"""

import logging
from collections.abc import Iterator
from uuid import uuid4

import strawberry
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext

from db.errors import FlowkeepError

logger = logging.getLogger("flowkeep.graphql")


def coded(error: GraphQLError, default_code: str) -> GraphQLError:
    """The error as clients see it."""
    original = error.original_error
    if "code" in (error.extensions or {}):
        return error
    if isinstance(error, GraphQLSyntaxError):
        return _with(error, error.message, "GRAPHQL_PARSE_FAILED")
    if isinstance(original, FlowkeepError):
        # What the scalars refuse reaches us in graphql-core's words, which name the place: keep those.
        return _with(error, error.message, original.code)
    if original is None or isinstance(original, GraphQLError):
        return _with(error, error.message, default_code)
    correlation_id = uuid4().hex
    logger.error("unexpected error %s at %s", correlation_id, error.path, exc_info=original)
    message = f"Something went wrong here. Its id in the logs: {correlation_id}."
    return _with(error, message, FlowkeepError.code, correlationId=correlation_id)


def _with(error: GraphQLError, message: str, code: str, **more: str) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions={"code": code, **more},
    )


class ValidationCodes(SchemaExtension):
    """Tells the errors of validation from those of variables that don't fit, which come later."""

    def on_validate(self) -> Iterator[None]:
        """After validation, in place: the answer is made of the same list."""
        yield
        errors = self.execution_context.pre_execution_errors or []
        errors[:] = [_with(error, error.message, "GRAPHQL_VALIDATION_FAILED") for error in errors]


class CodedSchema(strawberry.Schema):
    """A schema whose errors all have codes, and that logs only those that are bugs."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Called with the list of errors that the answer is made of."""
        errors[:] = [coded(error, "BAD_USER_INPUT") for error in errors]
