"""Files of text in whatever encoding, read as lines of UTF-8 in constant memory, however long a line is."""

import codecs
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import BinaryIO, NamedTuple

from db.errors import InvalidInput
from db.texts import cut, storable

_CHUNK = 256 * 1024
# The longer marks first: UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


class TextLine(NamedTuple):
    """A line without its end; `original_bytes` is how long it was, where it had to be cut."""

    text: str
    original_bytes: int | None


class TextFile:
    """The first `size` bytes of a file, which others may go on writing.

    The encoding is the one that is given, or that the file's first bytes mark, or UTF-8. With `replace`,
    bytes that are no text in it become U+FFFD.

    Raises `InvalidInput` for an encoding that there is none of, and for what looks like another one.
    """

    def __init__(
        self, file: BinaryIO, size: int, encoding: str | None = None, *, replace: bool = False
    ) -> None:
        self._file = file
        self._size = size
        file.seek(0)
        self._encoding = encoding or _marked(file.read(min(size, 4096)))
        self._decoder = _decoder(self._encoding)
        self._errors = "replace" if replace else "strict"

    def chunks(self) -> Iterator[bytes]:
        """The text from its beginning as UTF-8, where what PostgreSQL can't keep is U+FFFD.

        Bytes at the end that are the beginning of a character are left out: the rest is still to come.
        Raises `InvalidInput`, telling the line, for bytes that are no text.
        """
        decoder = self._decoder(self._errors)
        self._file.seek(0)
        left, lines = self._size, 1
        while left > 0 and (chunk := self._file.read(min(_CHUNK, left))):
            left -= len(chunk)
            try:
                text = decoder.decode(chunk)
            except UnicodeDecodeError as error:
                lines += error.object.count(b"\n", 0, error.start)
                raise InvalidInput(
                    f"Line {lines} has the byte 0x{error.object[error.start]:02x}, which is no text in "
                    f"{self._encoding}. Name the file's encoding with --encoding (latin-1, cp1252, "
                    "utf-16-le), or have such bytes replaced by U+FFFD with --replace."
                ) from error
            lines += text.count("\n")
            yield storable(text).encode()


def _marked(beginning: bytes) -> str:
    for mark, encoding in _MARKS:
        if beginning.startswith(mark):
            return encoding
    if beginning.count(0) * 3 >= len(beginning) > 0:
        raise InvalidInput(
            "This is no UTF-8: it looks like UTF-16 without its mark, or is no text at all. Name its "
            "encoding with --encoding (utf-16-le, utf-16-be)."
        )
    return "utf-8"


def _decoder(encoding: str) -> Callable[[str], codecs.IncrementalDecoder]:
    try:
        b"x".decode(encoding, "replace")  # there are codecs of other things than text
        return codecs.getincrementaldecoder(encoding)
    except (LookupError, UnicodeError) as error:
        raise InvalidInput(
            f"{encoding!r} is no encoding of text; utf-8, utf-16-le, latin-1 and cp1252 are some."
        ) from error


class Lines:
    """The lines of a text that comes in chunks, from `offset` on; of each at most `most_bytes` are kept.

    After each line, `offset` is where it ended, `digest` the SHA-256 of everything up to there, in hex, and
    `number` how many lines that was. Line ends are \\n or \\r\\n.
    """

    def __init__(self, chunks: Iterable[bytes], most_bytes: int, offset: int = 0) -> None:
        self._hash = sha256()
        self.offset = 0
        self.number = 0
        self._most_bytes = most_bytes
        self._chunks = self._behind(iter(chunks), offset)

    @property
    def digest(self) -> str:
        """The hash up to here."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[TextLine]:
        head, size, last = b"", 0, b""
        for chunk in self._chunks:
            *whole, rest = chunk.split(b"\n")
            for piece in whole:
                self._take(piece + b"\n")
                self.number += 1
                size += len(piece) - ((piece[-1:] or last) == b"\r")
                yield self._line(self._grown(head, piece)[:size], size)
                head, size, last = b"", 0, b""
            self._take(rest)
            head, size, last = self._grown(head, rest), size + len(rest), rest[-1:] or last
        if size:
            self.number += 1
            yield self._line(head, size)

    def _take(self, piece: bytes) -> None:
        self._hash.update(piece)
        self.offset += len(piece)

    def _behind(self, chunks: Iterator[bytes], offset: int) -> Iterator[bytes]:
        for chunk in chunks:
            before = max(0, min(len(chunk), offset - self.offset))
            if before:
                self._take(chunk[:before])
                self.number += chunk.count(b"\n", 0, before)
            if before < len(chunk):
                yield chunk[before:]

    def _grown(self, head: bytes, piece: bytes) -> bytes:
        # One more than is kept, for a \r that does not count.
        return head + piece[: self._most_bytes + 1 - len(head)]

    def _line(self, head: bytes, size: int) -> TextLine:
        if size > self._most_bytes:
            return TextLine(cut(head, size, self._most_bytes), size)
        return TextLine(head.decode(), None)
