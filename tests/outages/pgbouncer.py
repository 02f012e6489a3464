"""A PgBouncer of a test's own, in transaction mode, before a database of the run's cluster."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.engine import URL

CONNECTIONS = 2


def program() -> str | None:
    """Where it is; None where it is not installed."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def pgbouncer(url: URL, folder: Path) -> Iterator[str]:
    """Run it as long as the block, with fewer connections than its clients have; the URL through it."""
    found = program()
    assert found is not None
    host = Path(str(url.query["host"]))
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    (folder / "users").write_text(f'"{url.username}" "{url.password}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"""[databases]
{url.database} = host={host} port={url.query["port"]}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder / "users"}
pool_mode = transaction
default_pool_size = {CONNECTIONS}
max_client_conn = 100
"""
    )
    command = [found, "--quiet", str(folder / "pgbouncer.ini")]
    if os.getuid() == 0:  # which it does not run as: the cluster's account can open its socket
        account = pwd.getpwuid(host.stat().st_uid)
        for path in (folder, *folder.iterdir()):
            os.chown(path, account.pw_uid, account.pw_gid)
        command += ["--user", account.pw_name]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            _wait(port, process)
            yield URL.create(
                "postgresql", url.username, url.password, "127.0.0.1", port, url.database
            ).render_as_string(hide_password=False)
        finally:
            process.kill()


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(100):
        assert process.poll() is None, "pgbouncer did not start"
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("pgbouncer does not listen")
