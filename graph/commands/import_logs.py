"""How `flowkeep import logs` takes in a file: what is new in it, batch by batch."""

import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO
from uuid import UUID
from zoneinfo import ZoneInfo

from db.engine import Database
from db.errors import Contended, InvalidInput
from db.importing.logfiles import LogFile
from db.importing.textfiles import TextFile
from db.queries.imports import fetch_imported
from db.writes.imports import append_log_lines

ACTOR = "import"
STANDARD_INPUT = Path("-")

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)

Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read: what is kept of a line, their encoding if it is given, the zone of naive times."""

    most_bytes: int
    encoding: str | None = None
    replace: bool = False
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """How many lines were added, and whether there were any in the file before."""

    lines: int
    before: bool


async def import_log_file(
    database: Database, execution_id: UUID, file: Path, reading: Reading, advance: Advance
) -> Taken:
    """Append what is new in a file to an execution's log; `-` is standard input.

    `advance` is told how many bytes are in, and of how many. Raises OSError, `InvalidInput` for what can't
    be read as text, and `NotFound` for an unknown execution.
    """
    with _opened(file) as (content, size, written):
        text = TextFile(content, size, reading.encoding, replace=reading.replace)
        log = LogFile(text, reading.most_bytes, reading.zone)
        added = 0
        while True:
            async with database.reading() as connection:
                imported = await fetch_imported(connection, execution_id)
            survey = log.survey(imported.marks)
            event = imported.event
            try:
                for batch in log.batches(survey, written):
                    event = await append_log_lines(
                        database, execution_id, batch.lines, ACTOR, batch.mark, event
                    )
                    added += len(batch.lines)
                    advance(batch.mark.offset, survey.size)
            except Contended:
                continue  # another import was quicker: of this file, maybe, so look again what is new
            return Taken(added, survey.mark is not None)


def time_zone(text: str | None) -> tzinfo | None:
    """The zone that a name (Europe/Berlin) or an offset (+05:30) means; raises `InvalidInput`."""
    if text is None:
        return None
    try:
        if offset := _OFFSET.fullmatch(text):
            sign = -1 if offset[1] == "-" else 1
            return timezone(sign * timedelta(hours=int(offset[2]), minutes=int(offset[3])))
        return ZoneInfo(text)
    except (ValueError, LookupError, OSError) as error:
        raise InvalidInput(
            f"{text!r} is no time zone: give a name such as Europe/Berlin, or an offset such as +05:30."
        ) from error


@contextmanager
def _opened(file: Path) -> Iterator[tuple[BinaryIO, int, datetime]]:
    """A file that can be read more than once, its size, and when it was written.

    What can't be, such as a pipe, goes to a temporary file first.
    """
    source = nullcontext(sys.stdin.buffer) if file == STANDARD_INPUT else file.open("rb")
    with source as content:
        found = os.fstat(content.fileno())
        if stat.S_ISREG(found.st_mode) and found.st_size and not content.tell():
            yield content, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC)
            return
        with TemporaryFile() as kept:
            shutil.copyfileobj(content, kept)
            yield kept, kept.tell(), datetime.now(UTC)
