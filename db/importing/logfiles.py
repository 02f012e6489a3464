"""The log entries of a file, from where it was taken in before, in batches of bounded size."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from db.errors import InvalidInput
from db.importing.loglines import INFO, NOTHING, ParsedLine, parse_line
from db.importing.marks import Mark, Position
from db.importing.textfiles import Lines, TextFile
from db.importing.timestamps import UnclearZone

_BATCH_LINES = 5000
_BATCH_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Survey:
    """A file that was looked through: how far it was taken in, its size, and the first time stamp in it."""

    mark: Mark | None
    size: int
    first: datetime | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries that follow each other, and the mark behind them."""

    lines: list[ParsedLine]
    mark: Mark


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file, how much of a line is kept of it, and the zone of times without one (UTC unless given)."""

    text: TextFile
    most_bytes: int
    zone: tzinfo | None = None

    def survey(self, marks: Iterable[Mark]) -> Survey:
        """Look through the whole file; raises `InvalidInput` where it can't be read as text."""
        place = Position(marks)
        chunks = place.follow(self.text.chunks())
        parsed = self._parsed(Lines(chunks, self.most_bytes), NOTHING)
        first = next((line.logged_at for line in parsed if line.dated), None)
        for _ in chunks:
            pass
        return Survey(place.mark, place.size, first)

    def batches(self, survey: Survey, otherwise: datetime) -> Iterator[Batch]:
        """What was not taken in yet, every line with a time; blank lines say nothing and are left out.

        What comes before the first time stamp has that one; in a file without any, all have `otherwise`.
        Raises `InvalidInput` as `survey` does.
        """
        mark = survey.mark
        if mark is None:
            before = ParsedLine(INFO, "", survey.first or otherwise)
        else:
            before = ParsedLine(mark.level, "", mark.logged_at, dated=mark.dated)
        lines = Lines(self.text.chunks(), self.most_bytes, mark.offset if mark else 0)
        batch: list[ParsedLine] = []
        size = 0
        for line in self._parsed(lines, before):
            batch.append(line)
            size += len(line.message)
            if len(batch) == _BATCH_LINES or size >= _BATCH_BYTES:
                yield _closed(batch, lines)
                batch, size = [], 0
        if batch:
            yield _closed(batch, lines)

    def _parsed(self, lines: Lines, before: ParsedLine) -> Iterator[ParsedLine]:
        for text, original_bytes in lines:
            if not text or text.isspace():
                continue
            try:
                before = parse_line(text, before, self.zone, original_bytes)
            except UnclearZone as error:
                raise InvalidInput(
                    f"Line {lines.number} has a time in {error}, which means several zones: say which one "
                    "with --timezone (Asia/Kolkata, America/Chicago, +08:00)."
                ) from error
            yield before


def _closed(batch: list[ParsedLine], lines: Lines) -> Batch:
    last = batch[-1]
    assert last.logged_at is not None  # it continues a line that has one
    return Batch(batch, Mark(lines.offset, lines.digest, last.level, last.logged_at, last.dated))
