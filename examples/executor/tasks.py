"""Python functions that steps can name. Register your own with `@task` and import them with `--tasks`."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar


@dataclass(frozen=True)
class Line:
    """Something that a step logged."""

    level: str
    message: str
    logged_at: str


@dataclass
class Context:
    """What an attempt knows, and where it logs.

    `arguments` is the step's `with`, `inputs` holds the outputs of the steps that it depends on, `input` is
    the execution's.
    """

    execution: str
    step: str
    attempt: int
    arguments: Any = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    input: Any = None
    lines: list[Line] = field(default_factory=list)

    def log(self, message: str, level: str = "INFO") -> None:
        """Log a line; it is kept when the attempt is committed."""
        self.lines.append(Line(level, message, datetime.now(UTC).isoformat()))


Task = Callable[[Context], Any | Awaitable[Any]]
T = TypeVar("T", bound=Task)

TASKS: dict[str, Task] = {}


def task(function: T) -> T:
    """Register a function under its name. One that is `async` runs in the loop, any other in a thread."""
    TASKS[function.__name__] = function
    return function


@task
async def wait(context: Context) -> dict[str, float]:
    """Wait for `with.seconds`."""
    seconds = float(context.arguments["seconds"])
    context.log(f"waiting for {seconds:g} s")
    await asyncio.sleep(seconds)
    return {"waited": seconds}


@task
def numbers(context: Context) -> list[int]:
    """`with.count` random numbers."""
    made = [random.randint(1, 100) for _ in range(context.arguments["count"])]
    context.log(f"made {len(made)} numbers, the largest is {max(made, default=0)}")
    return made


@task
def total(context: Context) -> dict[str, Any]:
    """The sum of each list that a step before this one made, and of all."""
    sums = {key: sum(output) for key, output in context.inputs.items() if isinstance(output, list)}
    context.log(f"added up {', '.join(sums) or 'nothing'}")
    return {"sums": sums, "total": sum(sums.values())}


@task
async def flaky(context: Context) -> str:
    """Fail until `with.succeedsAt` attempts were made."""
    await asyncio.sleep(0.2)
    if context.attempt < context.arguments["succeedsAt"]:
        context.log("the other side hung up", "WARN")
        raise ConnectionError(f"attempt {context.attempt} got no answer")
    return f"succeeded at attempt {context.attempt}"
