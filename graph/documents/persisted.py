"""Documents that a request names instead of bringing them.

Automatic ones are Apollo's: a request names the SHA-256 of its document, and brings the text only when it
is told that nobody knows it. Trusted ones come from a file that the operator gives; they are prepared at
start-up, and may be larger than what strangers send.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from db.errors import NotReady
from graph.documents.document import Document, Documents
from graph.errors import Rejection
from graph.limits import DocumentLimits

_REMEMBERED = 1_000
_ROOM_FOR_TRUSTED = 20


@dataclass(slots=True)
class PersistedDocument:
    """What a request says about its document: its text, its hash, its id in the trusted file."""

    text: str | None
    sha256: str | None = None
    document_id: str | None = None


class PersistedDocuments:
    """Finds the document of a request; `only` refuses all that the trusted file does not have."""

    def __init__(self, documents: Documents, trusted: Mapping[str, Document], *, only: bool) -> None:
        self._documents = documents
        self._trusted = dict(trusted)
        self._texts = {document.text: document for document in trusted.values()}
        self._hashes = {document.hash: document for document in trusted.values()}
        self._only = only
        self._automatic: OrderedDict[str, str] = OrderedDict()

    def find(self, named: PersistedDocument) -> Document:
        """The document; raises `Rejection`."""
        if named.document_id is not None:
            document = self._trusted.get(named.document_id.removeprefix("sha256:"))
            document = document or self._hashes.get(named.document_id.removeprefix("sha256:"))
            return document or _missing(f"There is no trusted document {named.document_id[:100]!r}.")
        sha256 = None if named.sha256 is None else named.sha256.lower()
        known = self._hashes.get(sha256 or "") if named.text is None else self._texts.get(named.text)
        if known is not None and sha256 in (None, known.hash):
            return known
        if self._only:
            raise Rejection.of(
                "Only trusted documents are answered here; name one by its `documentId`.", "FORBIDDEN"
            )
        if sha256 is not None:
            return self._by_hash(sha256, named.text)
        if named.text is None:
            raise Rejection.of("A `query` is missing: the text of a GraphQL document.", "BAD_USER_INPUT", 400)
        return self._documents.get(named.text)

    def _by_hash(self, sha256: str, text: str | None) -> Document:
        if text is None:
            remembered = self._automatic.get(sha256)
            if remembered is None:
                # Apollo's clients wait for these very words.
                return _missing("PersistedQueryNotFound")
            self._automatic.move_to_end(sha256)
            return self._documents.get(remembered)
        if hashlib.sha256(text.encode()).hexdigest() != sha256:
            raise Rejection.of("`sha256Hash` is not the SHA-256 of `query`.", "BAD_USER_INPUT")
        document = self._documents.get(text)
        self._automatic[sha256] = text
        if len(self._automatic) > _REMEMBERED:
            self._automatic.popitem(last=False)
        return document


def _missing(message: str) -> Document:
    raise Rejection.of(message, "PERSISTED_QUERY_NOT_FOUND")


def load_trusted(path: Path, documents: Documents, limits: DocumentLimits) -> dict[str, Document]:
    """The documents of a file, by id: a JSON object from id to text, or Apollo's operation manifest.

    Raises `NotReady` for a file that can't be read, and for a document that this schema can't answer.
    """
    generous = replace(
        limits,
        tokens=limits.tokens * _ROOM_FOR_TRUSTED,
        characters=limits.characters * _ROOM_FOR_TRUSTED,
        fields=limits.fields * _ROOM_FOR_TRUSTED,
        aliases=limits.aliases * _ROOM_FOR_TRUSTED,
        directives=limits.directives * _ROOM_FOR_TRUSTED,
        duplicates=limits.duplicates * _ROOM_FOR_TRUSTED,
    )
    prepared = {}
    for name, text in _texts(path).items():
        try:
            prepared[name] = documents.prepare(text, generous)
        except Rejection as error:
            raise NotReady(f"The trusted document {name!r} of {path} can't be answered: {error}") from error
    return prepared


def _texts(path: Path) -> dict[str, str]:
    try:
        content: Any = orjson.loads(path.read_bytes())
    except OSError as error:
        raise NotReady(f"The file of trusted documents can't be read: {error}.") from error
    except orjson.JSONDecodeError as error:
        raise NotReady(f"The file of trusted documents {path} is not JSON: {error}.") from error
    if isinstance(content, dict) and isinstance(content.get("operations"), list):
        entries = content["operations"]
        content = {entry.get("id"): entry.get("body") for entry in entries if isinstance(entry, dict)}
    if not isinstance(content, dict) or not all(
        isinstance(part, str) for pair in content.items() for part in pair
    ):
        raise NotReady(
            f"The file of trusted documents {path} should be a JSON object from ids to documents, "
            "or an Apollo operation manifest."
        )
    return content
