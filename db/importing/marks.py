"""How far files were taken in, told by what they hold: whatever their names, only what is new is added."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Mark:
    """The first `offset` bytes of a text (in UTF-8), whose SHA-256 is `digest`, were taken in.

    `level` and `logged_at` are those of the last line, which the next one may continue; `dated` tells whether
    any line so far had a time stamp.
    """

    offset: int
    digest: str
    level: int
    logged_at: datetime
    dated: bool

    @property
    def key(self) -> str:
        """What names the text up to here."""
        return f"import:{self.offset}:{self.digest}"


class Position:
    """Finds the furthest of the marks that belongs to a text: `mark`, once all of it was seen."""

    def __init__(self, marks: Iterable[Mark]) -> None:
        self._expected: defaultdict[int, dict[str, Mark]] = defaultdict(dict)
        for mark in marks:
            self._expected[mark.offset][mark.digest] = mark
        self.mark: Mark | None = None
        self.size = 0

    def follow(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks as they are, looked at."""
        hashed, offsets = sha256(), iter(sorted(self._expected))
        offset = next(offsets, None)
        for chunk in chunks:
            begun = 0
            while offset is not None and offset <= self.size + len(chunk):
                end = offset - self.size
                hashed.update(chunk[begun:end])
                begun = end
                self.mark = self._expected[offset].get(hashed.hexdigest(), self.mark)
                offset = next(offsets, None)
            hashed.update(chunk[begun:])
            self.size += len(chunk)
            yield chunk
