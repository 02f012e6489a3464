"""How much a document may ask for; each limit is a setting."""

from dataclasses import dataclass

from graphql import GraphQLError, Node


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Numbers of things in one document, counted as the executor would meet them."""

    characters: int
    tokens: int
    depth: int
    fields: int
    aliases: int
    directives: int
    duplicates: int


def too_complex(message: str, node: Node | None = None) -> GraphQLError:
    """The error of a document or a request that asks for more than a limit allows."""
    return GraphQLError(message, node, extensions={"code": "TOO_COMPLEX"})
