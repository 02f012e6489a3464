"""Files of text for tests, read as `flowkeep import logs` reads them."""

import io
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import BinaryIO

from db.importing.logfiles import Batch, LogFile
from db.importing.loglines import ParsedLine
from db.importing.marks import Mark
from db.importing.textfiles import TextFile

LATER = datetime(2026, 6, 1, tzinfo=UTC)
MOST_BYTES = 64 * 1024


def batches(
    content: bytes | BinaryIO, size: int | None = None, marks: Iterable[Mark] = (), zone: tzinfo | None = None
) -> list[Batch]:
    """What is new in a file, where some of it was taken in."""
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    log = LogFile(TextFile(file, len(content) if isinstance(content, bytes) else size or 0), MOST_BYTES, zone)
    return list(log.batches(log.survey(marks), LATER))


def taken(content: bytes | BinaryIO, size: int | None = None, marks: Iterable[Mark] = ()) -> list[ParsedLine]:
    """The entries of it."""
    return [line for batch in batches(content, size, marks) for line in batch.lines]
