"""Runs the scripts of this folder with Node, in a folder of the run where their packages are installed."""

import asyncio
import fcntl
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import psutil

HERE = Path(__file__).parent
# What npm says when it can't get at packages; anything else is a fault of ours.
UNREACHABLE = ("ENOTCACHED", "ENOTFOUND", "EAI_AGAIN", "ECONN", "ETIMEDOUT", "ENETUNREACH", "ERR_SOCKET")
INSTALL = (
    "ci",
    "--prefer-offline",
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--no-update-notifier",
    "--logs-max=0",
)


_LONGEST_LINE = 64 * 2**20


class Missing(Exception):
    """Why no script can be run here."""


class Node:
    """Node with the packages of package.json, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def run(
        self, script: Path, *arguments: str, env: Mapping[str, str] | None = None, seconds: float = 60
    ) -> Any:
        """What the script of tests/node printed last, which must be JSON.

        Raises AssertionError with its messages when it fails or takes longer than `seconds`.
        """
        async with self.started(script, *arguments, env=env) as process:
            try:
                output, messages = await asyncio.wait_for(process.communicate(), seconds)
            except TimeoutError as error:
                raise AssertionError(f"{script.name} took longer than {seconds:.0f} s") from error
        said = messages.decode(errors="replace")
        assert process.returncode == 0, f"{script.name} failed:\n{said}"
        lines = output.splitlines()
        assert lines, f"{script.name} printed nothing:\n{said}"
        return orjson.loads(lines[-1])

    @asynccontextmanager
    async def started(
        self, script: Path, *arguments: str, env: Mapping[str, str] | None = None
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """A script that runs as long as the block, with pipes to talk to it."""
        shutil.copy(script, self.folder)
        process = await asyncio.create_subprocess_exec(
            "node",
            str(self.folder / script.name),
            *arguments,
            cwd=self.folder,
            env={**os.environ, **_homes(self.folder), **(env or {})},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            await asyncio.to_thread(_kill, process.pid)
            await process.communicate()


def install(folder: Path) -> Node:
    """Node in `folder`, where the first who asks installs the packages; raises Missing with the reason."""
    outcome = folder / "outcome"
    with _alone(folder.with_name(f"{folder.name}.lock")):
        if not outcome.exists():
            outcome.write_text(_install(folder))
    if reason := outcome.read_text():
        raise Missing(reason)
    return Node(folder)


def _install(folder: Path) -> str:
    """Put the scripts and their packages into `folder`; the reason where that can't be, else nothing."""
    for path in (folder, *map(Path, _homes(folder).values())):
        path.mkdir(exist_ok=True)
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "Node and npm are not installed"
    for path in [*HERE.glob("*.mjs"), *HERE.glob("package*.json"), HERE / ".npmrc"]:
        shutil.copy(path, folder)
    npm = subprocess.run(["npm", *INSTALL], cwd=folder, capture_output=True, text=True, check=False)
    if npm.returncode and any(sign in npm.stderr for sign in UNREACHABLE):
        return "the packages of tests/node can't be reached"
    assert npm.returncode == 0, npm.stderr
    return ""


def _kill(pid: int) -> None:
    """End a script and the browser that it started, which is in a group of its own, and see them gone.

    A page that lived on would still ask the server while the next test is running.
    """
    with suppress(psutil.NoSuchProcess):
        script = psutil.Process(pid)
        started = script.children(recursive=True)
        for one in (script, *started):
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(started, timeout=10)


def _homes(folder: Path) -> dict[str, str]:
    """Where a browser may leave its files."""
    return {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
