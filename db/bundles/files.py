"""Files of bundles, compressed with Zstandard where they are."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SUFFIX = ".zst"
# A checksum of each file, so that what has changed on the way is noticed.
_OPTIONS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 3,
    zstd.CompressionParameter.checksum_flag: 1,
}


def compressing(file: IO[bytes]) -> zstd.ZstdFile:
    """A file to write to, of which `file` gets the compressed bytes; to be closed before `file` is."""
    return zstd.ZstdFile(file, "wb", options=_OPTIONS)


@contextmanager
def created(path: Path) -> Iterator[Callable[[bytes], object]]:
    """What writes to a new file, compressed where the path's suffix is `.zst`.

    It is written beside `path`, whose place it takes at the end of the block: nothing half-written is ever
    there. What is no file, such as a pipe, is written to as it is. Raises OSError where that can't be.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file, _fitting(path, file) as fitting:
            yield fitting.write
        return
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with unfinished.open("wb") as file, _fitting(path, file) as fitting:
            yield fitting.write
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _fitting(path: Path, file: IO[bytes]) -> IO[bytes] | zstd.ZstdFile:
    return compressing(file) if path.suffix == SUFFIX else file
