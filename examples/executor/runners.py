"""Runs one attempt at a step, as a Python function or as a shell command."""

import asyncio
import inspect
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from examples.executor.definition import Step
from examples.executor.tasks import TASKS, Context

_MOST_LINES = 1_000
_LONGEST_LINE = 8_000
# Not the loop's own, whose threads it would wait for when it ends.
_THREADS = ThreadPoolExecutor(thread_name_prefix="step")


class StepError(Exception):
    """An attempt failed, in a way that its step can mean: a command's exit code, say."""


async def run_attempt(step: Step, context: Context) -> Any:
    """The attempt's output, which is JSON. Raises whatever went wrong."""
    output = await (_run_shell if step.kind == "shell" else _run_python)(step, context)
    # Refused here, where it is the step's fault: NaN, bytes and the like are no JSON.
    json.dumps(output, allow_nan=False)
    return output


async def _run_python(step: Step, context: Context) -> Any:
    if step.command not in TASKS:
        raise StepError(f"no task {step.command!r} is registered; there are {', '.join(sorted(TASKS))}")
    function = TASKS[step.command]
    if inspect.iscoroutinefunction(function):
        return await function(context)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, function, context)


async def _run_shell(step: Step, context: Context) -> Any:
    given = {"with": context.arguments, "inputs": context.inputs, "input": context.input}
    own = {
        "FLOWKEEP_EXECUTION": context.execution,
        "FLOWKEEP_STEP": context.step,
        "FLOWKEEP_ATTEMPT": str(context.attempt),
    }
    process = await asyncio.create_subprocess_shell(
        step.command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **own},
        start_new_session=True,
    )
    try:
        out, err = await process.communicate(json.dumps(given).encode())
    finally:
        if process.returncode is None:
            # Let go: the command and whatever it started must not go on beside its successor.
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    printed = _text(out)
    for level, text in (("INFO", printed), ("WARN", _text(err))):
        for line in text.splitlines()[-_MOST_LINES:]:
            context.log(line[:_LONGEST_LINE], level)
    if process.returncode != 0:
        raise StepError(f"the command ended with exit code {process.returncode}")
    return _output(printed)


def _text(printed: bytes) -> str:
    # PostgreSQL can't keep a NUL in text.
    return printed.decode(errors="replace").replace("\0", "�")


def _output(printed: str) -> Any:
    try:
        return json.loads(printed, parse_constant=_refuse)
    except ValueError:
        return printed.strip()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
