"""Services and executors in processes of their own, to be stopped, frozen and killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
FLOWKEEP = str(Path(sys.executable).with_name("flowkeep"))


@contextmanager
def service(database_url: str | None, *arguments: str) -> Iterator[str]:
    """`flowkeep serve` on a database, or an embedded one; the URL of its endpoint.

    It must have stopped in order at the end.
    """
    process = subprocess.Popen(
        [FLOWKEEP, "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "FLOWKEEP_DATABASE_URL": database_url or ""},
    )
    assert process.stdout is not None
    with process:
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0


def check(database_url: str) -> str:
    """What `flowkeep check` says of a database."""
    environment = {**os.environ, "FLOWKEEP_DATABASE_URL": database_url}
    run = subprocess.run([FLOWKEEP, "check"], capture_output=True, text=True, check=False, env=environment)
    return run.stdout + run.stderr


class Executor:
    """An executor process that logs to a file."""

    def __init__(self, url: str, holder: str, log: Path, *options: str) -> None:
        self.holder = holder
        self.log = log
        command = [sys.executable, "-m", "examples.executor", "--url", url, "--holder", holder, "-v"]
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [*command, "--tasks", "tests.outages.effects", *options], stderr=file, cwd=ROOT
            )

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: no chance to say good-bye."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)
