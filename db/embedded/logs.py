"""The files in which the server tells what happens to it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from db.embedded.errors import last_lines
from db.embedded.folders import Folders

_DAYS = 6
_END_BYTES = 16_384


def clear_old_logs(folders: Folders) -> None:
    """Remove what rotation does not: it empties a weekday's file only if the server runs at midnight."""
    folders.startup_log.unlink(missing_ok=True)
    oldest = time.time() - _DAYS * 24 * 3600
    for log in _server_logs(folders):
        if log.lstat().st_mtime < oldest:
            log.unlink()


def end_of_logs(folders: Folders) -> str:
    """The last lines that the server wrote, for an error message."""
    ends = [last_lines(end_of(log)) for log in (*_server_logs(folders)[-1:], folders.startup_log)]
    return "\n".join(end for end in ends if end)


def end_of(log: Path) -> str:
    """The last part of a file, which may be long; empty when there is none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _END_BYTES))
            return file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _server_logs(folders: Folders) -> list[Path]:
    return sorted(folders.log.glob("postgresql-*.log"), key=lambda log: log.lstat().st_mtime)
