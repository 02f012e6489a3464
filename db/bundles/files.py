"""Files of bundles, compressed with Zstandard where they are."""

import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import IO

from db.errors import InvalidInput

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SUFFIX = ".zst"
STANDARD_INPUT = Path("-")
_MAGIC = b"\x28\xb5\x2f\xfd"
# No value that PostgreSQL takes is longer.
_LONGEST_LINE = 2**30
# A checksum of each file, so that what has changed on the way is noticed.
_OPTIONS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 3,
    zstd.CompressionParameter.checksum_flag: 1,
}


def compressing(file: IO[bytes]) -> zstd.ZstdFile:
    """A file to write to, of which `file` gets the compressed bytes; to be closed before `file` is."""
    return zstd.ZstdFile(file, "wb", options=_OPTIONS)


def decompressing(file: IO[bytes]) -> zstd.ZstdFile:
    """A file to read from, of which `file` has the compressed bytes."""
    return zstd.ZstdFile(file)


@contextmanager
def created(path: Path) -> Iterator[Callable[[bytes], object]]:
    """What writes to a new file, compressed where the path's suffix is `.zst`.

    It is written beside `path`, whose place it takes at the end of the block, when the disk has it: nothing
    half-written is ever there, and of several that write there the last to end stays. The file before it
    leaves its mode, a new one is its owner's only (0600), and a symbolic link goes on leading there. What is
    no file, such as a pipe, is written to as it is. Raises OSError where that can't be.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file, _fitting(path, file) as fitting:
            yield fitting.write
        return
    place = Path(os.path.realpath(path))
    descriptor, name = tempfile.mkstemp(".part", f".{place.name}.", place.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if place.exists():
                os.fchmod(descriptor, stat.S_IMODE(place.stat().st_mode))
            with _fitting(path, file) as fitting:
                yield fitting.write
            file.flush()
            os.fsync(descriptor)
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)


def _fitting(path: Path, file: IO[bytes]) -> AbstractContextManager[IO[bytes] | zstd.ZstdFile]:
    return compressing(file) if path.suffix == SUFFIX else nullcontext(file)


class Reading:
    """A bundle that is read, compressed or not, whatever it is called."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        packed = file.peek(len(_MAGIC)).startswith(_MAGIC)
        self._text = zstd.ZstdFile(file) if packed else file
        self.size = os.fstat(file.fileno()).st_size
        self._number = 0

    @property
    def position(self) -> int:
        """How many bytes of the file were read; 0 for a pipe."""
        return self._file.tell() if self._file.seekable() else 0

    def lines(self) -> Iterator[bytes]:
        """Its lines; raises `InvalidInput` where it is cut, damaged or can't be read."""
        while line := self._line():
            self._number += 1
            yield line

    def _line(self) -> bytes:
        try:
            line = self._text.readline(_LONGEST_LINE)
        except EOFError:
            raise InvalidInput(
                f"The bundle is cut behind line {self._number}: its compressed data ends."
            ) from None
        except zstd.ZstdError as error:
            raise InvalidInput(f"The bundle is damaged behind line {self._number}: {error}.") from error
        except OSError as error:
            raise InvalidInput(
                f"The bundle can't be read behind line {self._number}: {error.strerror or error}."
            ) from error
        if len(line) == _LONGEST_LINE:
            raise InvalidInput(f"Line {self._number + 1}: this is longer than any line of a bundle.")
        return line


@contextmanager
def opened(path: Path) -> Iterator[Reading]:
    """A bundle to be read; `-` is standard input. Raises OSError where there is none."""
    if path == STANDARD_INPUT:
        with open(sys.stdin.fileno(), "rb", closefd=False) as file:
            yield Reading(file)
    else:
        with path.open("rb") as file:
            yield Reading(file)
