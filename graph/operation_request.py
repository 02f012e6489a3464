"""What a client asks, as GraphQL over HTTP has it, whatever it came through."""

from dataclasses import dataclass, field
from typing import Any, Self

from db.errors import InvalidInput
from db.replica import parse_lsn
from graph.documents.persisted import PersistedDocument
from graph.errors import Rejection


@dataclass(slots=True)
class OperationRequest:
    """GraphQL over HTTP's parameters, with types that were checked.

    `after` is the position in the database's log whose writes the answer has to show; 0 for none.
    """

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
