"""The executor's command line."""

import asyncio
import importlib
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Annotated

import typer
from gql.transport.exceptions import TransportError, TransportQueryError

from examples.executor.client import Flowkeep
from examples.executor.worker import Worker
from graph.addresses import endpoint_of

HELP = """Run workflow executions that Flowkeep keeps.

Claims what waits and what other workers have left behind, runs the steps in parallel, and commits each with
its state, checkpoint and log. Start several; kill any: nothing that was committed is run again.

A step of a workflow's definition looks like
{"key": "b", "dependsOn": ["a"], "run": {"shell": "date"}, "retries": 2} or has
{"run": {"python": "numbers"}, "with": {"count": 3}}.

Examples:

  python -m examples.executor

  python -m examples.executor --holder worker-2 --workflow nightly-sales --once

  python -m examples.executor --tasks my_project.tasks --steps 16
"""


def main(
    url: Annotated[
        str, typer.Option(envvar="FLOWKEEP_URL", help="Flowkeep's GraphQL endpoint.")
    ] = "http://127.0.0.1:8000/graphql",
    token: Annotated[
        str | None,
        typer.Option(
            envvar="FLOWKEEP_TOKEN",
            help="A token with the scopes READ and WRITE, where one is needed. Prefer the variable: others "
            "on this machine can see the options of a command.",
        ),
    ] = None,
    holder: Annotated[
        str | None,
        typer.Option(help="This worker's name, which no other has; host and process unless given."),
    ] = None,
    workflow: Annotated[
        list[str] | None, typer.Option(help="Only executions of this workflow; may be repeated.")
    ] = None,
    tasks: Annotated[
        list[str] | None, typer.Option(help="Module with tasks of your own; may be repeated.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when there is nothing left to claim.")] = False,
    ttl: Annotated[
        float, typer.Option(min=0.2, help="Seconds without a heartbeat after which others take over.")
    ] = 15.0,
    executions: Annotated[int, typer.Option(min=1, max=100, help="Most executions at a time.")] = 4,
    steps: Annotated[int, typer.Option(min=1, help="Most steps at a time, over all executions.")] = 8,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what is done.")] = False,
) -> None:
    """Set up, run, and leave."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("executor").setLevel(logging.INFO if verbose else logging.WARNING)
    for module in tasks or ():
        importlib.import_module(module)
    url = endpoint_of(url)
    holder = holder or f"{socket.gethostname()}-{os.getpid()}"

    async def work() -> None:
        async with Flowkeep(url, holder, ttl, token) as flowkeep:
            await _until_stopped(Worker(flowkeep, workflow, executions, steps), once=once)

    try:
        asyncio.run(work())
    except TransportQueryError as error:
        refusal = error.errors[0]["message"] if error.errors else str(error)
        typer.echo(f"{url} refuses: {refusal}", err=True)
        raise typer.Exit(1) from error
    except TransportError as error:
        typer.echo(f"{url} does not answer as Flowkeep does: {error}", err=True)
        raise typer.Exit(1) from error
    logging.shutdown()
    sys.stdout.flush()
    # A Python step that runs in a thread can't be interrupted: it ends with the process, unwaited for.
    os._exit(0)


async def _until_stopped(worker: Worker, *, once: bool) -> None:
    """Work until SIGTERM or Ctrl-C: leases are then given up, so that others go on at once."""
    working = asyncio.ensure_future(worker.work(once=once))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    with suppress(asyncio.CancelledError):
        await working


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(help=HELP)(main)
    app()
