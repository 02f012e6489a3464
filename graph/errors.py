"""From errors to GraphQL's error list: a code for each, and nothing of our insides.

An error of the domain goes out with its own message and code. Anything else is a bug: it is logged with
its traceback under a correlation id, and only that id goes out.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Self
from uuid import uuid4

from graphql import GraphQLError, GraphQLSyntaxError, Node

from db.errors import FlowkeepError

logger = logging.getLogger("flowkeep.graphql")

# The HTTP status of a request that was not executed, by the code of its first error.
_STATUSES = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "RATE_LIMITED": 429,
    "TIMEOUT": 504,
    "UNAVAILABLE": 503,
    "UNWRITABLE": 503,
    "INTERNAL_SERVER_ERROR": 500,
}


class Rejection(Exception):
    """A request that is not executed, or not to its end: all that is wrong with it.

    `status` is the HTTP status; `strict` statuses go out whatever media type the client asked for, the
    others only with `application/graphql-response+json`.
    """

    def __init__(
        self,
        errors: Sequence[GraphQLError],
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(errors[0].message)
        self.errors = list(errors)
        self.code = code = str((errors[0].extensions or {}).get("code"))
        self.strict = status is not None or code in _STATUSES
        self.status = status or _STATUSES.get(code, 400)
        self.headers = dict(headers or {})

    @classmethod
    def of(
        cls, message: str, code: str, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> Self:
        """One that is a single sentence."""
        return cls([GraphQLError(message, extensions={"code": code})], status, headers)


def too_complex(message: str, node: Node | None = None) -> GraphQLError:
    """The error of a document or a request that asks for more than a limit allows."""
    return GraphQLError(message, node, extensions={"code": "TOO_COMPLEX"})


def coded(error: GraphQLError) -> GraphQLError:
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
        return _with(error, error.message, "BAD_USER_INPUT")
    masked = unexpected(original, f"at {error.path}")
    return _with(error, masked.message, **(masked.extensions or {}))


def invalid(error: GraphQLError) -> GraphQLError:
    """An error of validation as clients see it; a limit that was passed keeps its own code."""
    if "code" in (error.extensions or {}):
        return error
    return _with(error, error.message, "GRAPHQL_VALIDATION_FAILED")


def rejection_of(error: BaseException, where: str) -> Rejection:
    """What ended an operation, as its client hears of it; a bug is logged as such."""
    if isinstance(error, Rejection):
        return error
    if isinstance(error, FlowkeepError):
        return Rejection.of(str(error), error.code)
    return Rejection([unexpected(error, where)])


def unexpected(error: BaseException, where: str) -> GraphQLError:
    """Log a bug with its traceback; what goes out is only the id to find it by."""
    correlation_id = uuid4().hex
    logger.error("unexpected error %s %s", correlation_id, where, exc_info=error)
    return GraphQLError(
        f"Something went wrong here. Its id in the logs: {correlation_id}.",
        extensions={"code": FlowkeepError.code, "correlationId": correlation_id},
    )


def _with(error: GraphQLError, message: str, code: str, **more: str) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions={"code": code, **more},
    )
