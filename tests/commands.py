"""`flowkeep` as the tests run it: in a process of its own where that is the subject, else in this one."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
from typer.testing import CliRunner

from graph.cli import app

FLOWKEEP = str(Path(sys.executable).with_name("flowkeep"))
Completed = subprocess.CompletedProcess[str]


def process(*arguments: str, piped: str | None = None, **environment: str) -> Completed:
    """Run it to its end, in a process of its own.

    `piped` comes through its standard input.
    """
    return subprocess.run(
        [FLOWKEEP, *arguments],
        input=piped,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **environment},
    )


def most_memory(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command to its end, in order; the bytes of memory that it took."""
    most = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as running:
        # Asked while it runs: what wait4 tells counts this process too, as it was when it forked.
        while running.poll() is None:
            status = Path(f"/proc/{running.pid}/status").read_text()
            peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
            most = max([most, *(int(peak) * 1024 for peak in peaks)])
            time.sleep(0.01)
    assert running.returncode == 0
    return most


def flowkeep(*arguments: str, piped: str | None = None, **environment: str) -> Completed:
    """Run it to its end in this process, which spares a second of imports; what is no refusal is raised.

    `piped` comes through its standard input.
    """
    if not _in_loop():
        return _run(arguments, piped, environment)
    # A command has a loop of its own, and a thread has one at most.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_run, arguments, piped, environment).result()


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run(arguments: tuple[str, ...], piped: str | None, environment: dict[str, str]) -> Completed:
    run = CliRunner().invoke(app, arguments, input=piped, env=environment)
    if run.exception is not None and not isinstance(run.exception, SystemExit):
        raise run.exception
    return Completed(arguments, run.exit_code, run.stdout, run.stderr)


class Command:
    """`flowkeep` on one database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, *arguments: str, piped: str | None = None, **environment: str) -> Completed:
        """Run it to its end."""
        return flowkeep(*arguments, piped=piped, **{"FLOWKEEP_DATABASE_URL": self.url, **environment})

    async def most_memory(self, *arguments: str) -> int:
        """The bytes of memory that it takes, in a process of its own."""
        environment = {**os.environ, "FLOWKEEP_DATABASE_URL": self.url}
        return await asyncio.to_thread(most_memory, [FLOWKEEP, *arguments], environment)

    def done(self, *arguments: str) -> str:
        """What it prints, being successful."""
        run = self.run(*arguments)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def json(self, *arguments: str) -> Any:
        """The same with `--json`."""
        return orjson.loads(self.done(*arguments, "--json"))
