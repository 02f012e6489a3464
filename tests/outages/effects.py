"""Tasks that leave a trace outside of Flowkeep: the executors of these tests import them with `--tasks`."""

import asyncio
import os
from pathlib import Path
from typing import Any

from examples.executor.tasks import Context, task


@task
async def effect(context: Context) -> dict[str, Any]:
    """Take `with.seconds`, then append a line to `with.file`: the attempt's effect."""
    await asyncio.sleep(context.arguments["seconds"])
    context.log(f"attempt {context.attempt} has its effect")
    line = f"{context.execution} {context.step} {context.attempt}\n"
    # One write of a few bytes to a file opened for appending: whole or not at all, whoever else writes.
    file = os.open(context.arguments["file"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)
    return {"attempt": context.attempt, "by": os.getpid()}


def effects(file: Path) -> list[tuple[str, str, int]]:
    """The effects so far: (execution, step, attempt)."""
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return [(execution, step, int(attempt)) for execution, step, attempt in lines]
