"""A bundle of one execution, made before any of it is sent: the moment that it shows waits for no reader.

It is compressed, in memory while it is small and then in a temporary file without a name.
"""

from collections.abc import AsyncIterator, Hashable
from contextlib import suppress
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO
from uuid import UUID

from db.bundles.files import compressing, decompressing
from db.bundles.reading import Export, Unwritten
from db.engine import Database

_IN_MEMORY = 1024 * 1024
_CHUNK = 256 * 1024


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
    try:
        export = Export(database, write, caller)
        export.begin()
        await export.add(execution)
        export.end()
        packing.close()
        file.flush()
    except BaseException as error:
        for half_written in (packing, file):
            with suppress(OSError):  # there is no room for its end either
                half_written.close()
        if isinstance(error, OSError):
            raise Unwritten.of(error) from error
        raise
    return Bundle(file, size, file.tell())
