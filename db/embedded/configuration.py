"""The server's settings, for a laptop or a small server.

They are in a file of their own, which the cluster's postgresql.conf includes and which each start of the
server rewrites, so that a new version of Flowkeep brings its new defaults. An operator's own settings belong
in `ALTER SYSTEM`, which overrides them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from db.embedded.binaries import Programs
from db.embedded.folders import PORT, Folders, write_whole
from db.extensions import Extension

_DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        # Only the socket, and only for whoever may enter its folder and knows the password.
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        # Room for a few server processes and their pools, and for transactions over many partitions.
        "max_connections": "200",
        "max_locks_per_transaction": "512",
        # Moderate: the machine may have 2 GB, and the operating system caches files as well.
        "shared_buffers": "128MB",
        "effective_cache_size": "512MB",
        "work_mem": "8MB",
        "maintenance_work_mem": "64MB",
        "random_page_cost": "1.1",
        # Compiling, and starting parallel workers, costs more than our short statements take; the workers'
        # shared memory would also outgrow the 64 MB of /dev/shm that a container has.
        "jit": "off",
        "max_parallel_workers_per_gather": "0",
        # Fewer checkpoints, hence fewer full pages in the log, at the price of a longer crash recovery.
        "wal_compression": "on",
        "max_wal_size": "1GB",
        "min_wal_size": "80MB",
        "checkpoint_timeout": "15min",
        # One file per weekday, emptied when its day comes again.
        "logging_collector": "on",
        "log_directory": "../log",
        "log_filename": "postgresql-%a.log",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] %a ",
        "log_timezone": "UTC",
        "timezone": "UTC",
    }
)


def write_configuration(folders: Folders, programs: Programs, settings: Mapping[str, str]) -> None:
    """Write the settings file for the next start of the server; `settings` override the defaults."""
    chosen = {**_DEFAULTS, "unix_socket_directories": str(folders.socket_folder)}
    if programs.has_library(Extension.STATEMENTS):
        chosen["shared_preload_libraries"] = Extension.STATEMENTS
    chosen |= settings
    lines = ["# Rewritten at each start of the server. Use ALTER SYSTEM for settings of your own."]
    lines += [f"{name} = {_quoted(value)}" for name, value in chosen.items()]
    # Readable, for as root the server's account is not the file's owner; there is no secret in it.
    write_whole(folders.configuration, "\n".join(lines) + "\n", mode=0o644)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
