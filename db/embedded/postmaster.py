"""Is the server of a cluster running? What postmaster.pid says, and whether it is still true.

A crash leaves the file behind, like the one beside the socket, and the pid in them may since belong to any
other program: quite usual in containers, where the same few pids come again at every start.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from db.embedded.accounts import run_as
from db.embedded.folders import Folders

_READY = "ready"
_STATUS_LINE = 7  # counted from 0
# Its length and code. Answered with one byte, without a password and without an entry in the log.
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


@dataclass(frozen=True)
class Postmaster:
    """The server's main process; `status` is "starting", "ready" or "stopping"."""

    pid: int
    status: str


def find_postmaster(folders: Folders) -> Postmaster | None:
    """The main process of the cluster's server, or None when no server is running."""
    noted = _noted(folders)
    return noted if noted and _is_alive(noted, folders) else None


def is_ready(folders: Folders) -> bool:
    """Whether the server takes connections.

    The note alone does not tell: a server that was killed a moment ago is still a process, noted as ready.
    """
    found = find_postmaster(folders)
    return found is not None and found.status == _READY and _answers(folders.socket)


def clear_stale_locks(folders: Folders) -> None:
    """Remove the lock files of a dead server, the data's and the socket's, where PostgreSQL would not do so.

    It takes any process with the noted pid, even a zombie, for a server, and refuses an empty file. All other
    stale files are left to it: its check is free of races, ours is not.
    """
    for lock in (_pid_file(folders), folders.socket.with_name(f"{folders.socket.name}.lock")):
        pid = _pid_in(_lines(lock))
        command = None if pid is None else _command_of(pid)
        if pid is None or (command is not None and not _is_server(command, folders)):
            lock.unlink(missing_ok=True)


def _pid_file(folders: Folders) -> Path:
    return folders.cluster / "postmaster.pid"


def _noted(folders: Folders) -> Postmaster | None:
    lines = _lines(_pid_file(folders))
    pid = _pid_in(lines)
    status = lines[_STATUS_LINE] if len(lines) > _STATUS_LINE else "starting"
    return None if pid is None else Postmaster(pid, status)


def _lines(lock: Path) -> list[str]:
    try:
        return [line.strip() for line in lock.read_text(errors="replace").splitlines()]
    except FileNotFoundError:
        return []


def _pid_in(lines: list[str]) -> int | None:
    first = lines[0].removeprefix("-") if lines else ""  # negative: a server in single-user mode
    return int(first) if first.isdecimal() else None


def _is_alive(noted: Postmaster, folders: Folders) -> bool:
    command = _command_of(noted.pid)
    if command is not None and _is_server(command, folders):
        return True
    # A server in another container that shares the folder: its pid says nothing here, its socket does.
    return _answers(folders.socket)


def _is_server(command: str, folders: Folders) -> bool:
    return "postgres" in command and f" {folders.cluster} " in f"{command} "


def _answers(path: Path) -> bool:
    """Whether a server at the socket answers the protocol's first question.

    To connect is not enough: the kernel does so on behalf of a process that is already dying.
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
            client.sendall(_SSL_REQUEST)
            return client.recv(1) in {b"S", b"N"}
        except (FileNotFoundError, ConnectionError):
            return False
        except (BlockingIOError, TimeoutError):
            return True  # too busy to answer is alive


def _command_of(pid: int) -> str | None:
    """The command line of a process, empty for a zombie; None when there is no such process."""
    if not Path("/proc/self/cmdline").exists():  # macOS
        listed = run_as(None, ["ps", "-ww", "-o", "command=", "-p", str(pid)], timeout=10)
        return listed.stdout.strip() if listed.returncode == 0 else None
    try:
        # Readable for everyone, unlike its neighbours `cwd` and `exe` (closed even to root in a container).
        return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")).strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
