"""A bundle of one execution, made before any of it is sent: the moment that it shows waits for no reader.

It is compressed, in memory while it is small and then in a temporary file without a name.
"""

from collections.abc import AsyncIterator, Hashable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Protocol
from uuid import UUID

from db.bundles.files import compressing, decompressing
from db.bundles.reading import Export, Unwritten
from db.engine import Database

_IN_MEMORY = 1024 * 1024
_CHUNK = 256 * 1024


class Closable(Protocol):
    """What is closed when it was written, or given up."""

    def close(self) -> object:
        """End it; may write the rest, and raise OSError."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that is ready; of how many bytes, and of how many compressed ones."""

    file: IO[bytes]
    size: int
    packed_size: int

    async def chunks(self, *, packed: bool) -> AsyncIterator[bytes]:
        """All of it, once."""
        with self.file as file:
            file.seek(0)
            reading = file if packed else decompressing(file)
            while chunk := reading.read(_CHUNK):
                yield chunk


async def made(database: Database, execution: UUID, caller: Hashable) -> Bundle:
    """The bundle of an execution, read by the caller's share of connections.

    Raises `NotFound`, and `Unwritten` where there is no room for it.
    """
    file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - who sends it closes it
    size = 0

    def write(text: bytes) -> None:
        nonlocal size
        size += len(text)
        packing.write(text)

    packing = compressing(file)
    with ExitStack() as half_written:
        half_written.callback(_abandon, packing, file)
        try:
            export = Export(database, write, caller)
            export.begin()
            await export.add(execution)
            export.end()
            packing.close()
            file.flush()
        except OSError as error:
            raise Unwritten.of(error) from error
        half_written.pop_all()
    return Bundle(file, size, file.tell())


def _abandon(*files: Closable) -> None:
    for file in files:
        with suppress(OSError):  # there is no room for its end either
            file.close()
