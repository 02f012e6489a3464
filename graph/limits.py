"""Limits on what one operation may bring, ask for and fetch; each is a setting."""

from dataclasses import dataclass

from db.errors import TooLarge


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of JSON text, or numbers of entries; and whether engines must show their epochs."""

    input_bytes: int
    document_bytes: int
    log_entries: int
    log_message_bytes: int
    list_items: int
    cost: int
    rows: int
    answer_bytes: int
    followed: int
    epochs: bool

    def require_input(self, size: int) -> None:
        """Raise `TooLarge` for a whole input over the limit."""
        require("The input, as JSON,", size, self.input_bytes)

    def require_document(self, name: str, size: int) -> None:
        """Raise `TooLarge` for one JSON document over the limit."""
        require(f"`{name}`, as JSON,", size, self.document_bytes)


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


def require(what: str, size: int, limit: int) -> None:
    """Raise `TooLarge` where `size` is over `limit`."""
    if size > limit:
        raise TooLarge(what, size, limit)
