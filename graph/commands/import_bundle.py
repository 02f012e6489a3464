"""How `flowkeep import bundle` takes in files: one after the other, and then the links between them."""

from collections.abc import Callable, Iterator
from pathlib import Path

from db.bundles.files import Reading, opened
from db.bundles.parsing import Records
from db.bundles.writing import Import

Advance = Callable[[int, int], None]


async def import_bundle(imported: Import, file: Path, advance: Advance) -> None:
    """Take a file in; `advance` is told how many bytes were read, and of how many.

    Raises OSError where it can't be opened, `InvalidInput` for what is no bundle or can't be stored, and
    `AlreadyExists` for a workflow version that is there with another definition.
    """
    with opened(file) as reading:
        imported.advance = _advancing(reading, advance)
        await imported.take(Records(reading.lines()))


def _advancing(reading: Reading, advance: Advance) -> Callable[[], None]:
    return lambda: advance(reading.position, reading.size)


def behind(imported: Import, file: Path) -> Iterator[tuple[str, str]]:
    """What is to be said of executions of the file that are there as of an earlier moment; forgotten then."""
    for reason in imported.behind:
        line, sentence = str(reason).split(": ", 1)
        yield f"{file}, {line.lower()}", sentence
    imported.behind.clear()
