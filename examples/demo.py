"""A demonstration: workflows, two executors that run them, and what Flowkeep knows of it meanwhile.

Uses the server that `flowkeep tail` would (`make serve`), else starts one of its own. Leaves nothing running
behind. A database that holds what is not of a demonstration is only written to when somebody says so.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from gql import Client, gql
from gql.transport.exceptions import TransportError, TransportQueryError
from gql.transport.httpx import HTTPXTransport
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from db.errors import FlowkeepError
from examples.workflows import WORKFLOWS
from graph.commands.environment import Service, find_service, load_settings, require_consent

_REFRESH_SECONDS = 0.4
_STOP_SECONDS = 20
_CATEGORY = "demo"
_ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")

HEALTH = "{ health { version } }"
KEPT = "{ workflows(first: 100) { nodes { category } pageInfo { hasNextPage } } }"
CREATE_WORKFLOW = """
mutation ($input: CreateWorkflowInput!) {
  createWorkflow(input: $input) { ... on WorkflowPayload { workflow { id } } ... on Error { message } }
}
"""
CREATE_EXECUTION = """
mutation ($input: CreateExecutionInput!) {
  createExecution(input: $input) { ... on ExecutionPayload { execution { id } } ... on Error { message } }
}
"""
PROGRESS = """
query ($run: String!) {
  executions(first: 100, filter: {correlationId: $run}, orderBy: {field: CREATED_AT}) { nodes {
    id status lease { holder } workflow { name } latestCheckpoint { id }
    state { currentStep completedSteps version }
    retries: steps(filter: {status: [FAILED, RETRYING, CANCELLED]}) { totalCount }
    logs { totalCount }
  } }
}
"""
FORK = """
mutation ($input: ForkExecutionInput!) {
  forkExecution(input: $input) { ... on ExecutionPayload { execution { id } } ... on Error { message } }
}
"""
RECOVER = """
mutation ($input: RecoverExecutionInput!) {
  recoverExecution(input: $input) {
    ... on RecoverExecutionPayload { execution { id } }
    ... on Error { message }
  }
}
"""
STATUS = "query ($id: ID!) { execution(id: $id) { status } }"
TO_TRY = """{ workflow(by: {name: "nightly-sales"}) {
    name version
    executions(first: 2) { nodes {
      id status duration result
      steps(filter: {key: ["fetch_rates", "report"]}) { nodes {
        key attempt status duration error { message } logs { nodes { level message } }
      } }
      latestCheckpoint { label stateVersion state { completedSteps variables } }
    } }
} }"""

console = Console()


class Flowkeep:
    """One server, asked synchronously."""

    def __init__(self, service: Service) -> None:
        self.url, self.token = service
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        self._client = Client(transport=HTTPXTransport(self.url, timeout=30, headers=headers))

    def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer."""
        request = gql(document)
        request.variable_values = variables
        data: dict[str, Any] = self._client.execute(request)
        return data

    def write(self, document: str, **given: Any) -> dict[str, Any]:
        """The payload of a mutation; raises `Refused`."""
        (answer,) = self.ask(document, input=given).values()
        if "message" in answer:
            raise Refused(answer["message"])
        payload: dict[str, Any] = answer
        return payload


class Refused(Exception):
    """Flowkeep changed nothing, and says why."""


def main(
    url: Annotated[
        str | None,
        typer.Option(
            help="The server to use (FLOWKEEP_URL); else the one that runs where FLOWKEEP_HOST and "
            "FLOWKEEP_PORT say, else one of its own."
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="A token with the scopes READ and WRITE (FLOWKEEP_TOKEN), where one is needed."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write to a database that is in use unasked.")] = False,
    executions: Annotated[int, typer.Option(min=1, max=30, help="Executions of each workflow.")] = 3,
    executors: Annotated[int, typer.Option(min=1, max=8, help="Executor processes.")] = 2,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="FLOWKEEP_DATA_DIR",
            help="Folder of the database if a server is started; a temporary one unless given.",
        ),
    ] = None,
) -> None:
    """Run a few workflows on Flowkeep, with executors in processes of their own, and watch.

    Without --url it uses the server of `make serve` if that runs, and else starts one that ends with it.
    Where the database is in use it asks before it writes, or takes --yes.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            named = find_service(url, token)
            own = not _answers(named)
            if own and load_settings(url=url).url is not None:
                raise Refused(f"nothing answers as Flowkeep does at {named.url}")
            flowkeep = Flowkeep(Service(stack.enter_context(_server(data_dir)), None) if own else named)
            console.print(
                f"This writes to Flowkeep at {flowkeep.url}"
                + (", started for this demonstration" if own else "")
            )
            if not yes:
                _ask_before_mixing(flowkeep)
            run = _create(flowkeep, executions)
            _tell_how_to_watch(flowkeep, run)
            names = [f"demo-{run[:4]}-{number}" for number in range(1, executors + 1)]
            running = [stack.enter_context(_executor(flowkeep, name)) for name in names]
            _watch(flowkeep, run, executions * len(WORKFLOWS), running)
            fork = _go_on(flowkeep, run)
            _watch(flowkeep, run, executions * len(WORKFLOWS), running)
            _await(flowkeep, fork)
            _tell_what_to_try(flowkeep, own=own)
    except (TransportError, FlowkeepError, Refused) as error:
        console.print(f"The demonstration could not go on: {error}", style="red")
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        console.print("\nStopped; everything that was started has ended.")


def _answers(service: Service) -> bool:
    try:
        return "health" in Flowkeep(service).ask(HEALTH)
    except TransportQueryError as error:
        refusal = error.errors[0]["message"] if error.errors else str(error)
        raise Refused(
            f"{service.url} refuses: {refusal} FLOWKEEP_TOKEN takes a token with the scopes READ and WRITE."
        ) from error
    except TransportError:
        return False


def _ask_before_mixing(flowkeep: Flowkeep) -> None:
    """Ask where there are workflows of others; raises `Refused` unless somebody says yes."""
    kept = flowkeep.ask(KEPT)["workflows"]
    others = [row for row in kept["nodes"] if row["category"] != _CATEGORY]
    if not others and not kept["pageInfo"]["hasNextPage"]:
        return
    console.print("Its database is in use: it has workflows that are not of a demonstration.")
    require_consent("Write to it all the same?", yes=False)


@contextmanager
def _server(data_dir: Path | None) -> Iterator[str]:
    """A server of our own on a free port; its URL."""
    folder = data_dir or Path(tempfile.mkdtemp(prefix="flowkeep-demo-"))
    if data_dir is None:
        # Root's PostgreSQL runs as another user, who must be able to get there.
        folder.chmod(0o755)
    command = [str(Path(sys.executable).with_name("flowkeep")), "serve", "--port", "0"]
    command += ["--data-dir", str(folder / "data" if data_dir is None else folder)]
    try:
        with _process(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            greeting = process.stdout.readline().split()
            if not greeting:
                raise Refused("the server did not start; it says why above")
            yield greeting[-1]
    finally:
        if data_dir is None:
            shutil.rmtree(folder, ignore_errors=True)


def _executor(flowkeep: Flowkeep, holder: str) -> AbstractContextManager[subprocess.Popen[str]]:
    names = [option for name in WORKFLOWS for option in ("--workflow", name)]
    command = [sys.executable, "-m", "examples.executor", "--url", flowkeep.url, "--holder", holder, *names]
    # Not as an option, which others on this machine could see.
    return _process([*command, "--ttl", "5"], env={**os.environ, "FLOWKEEP_TOKEN": flowkeep.token or ""})


@contextmanager
def _process(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own, so that Ctrl-C reaches it through us, in order; ended at the end."""
    root = Path(__file__).parent.parent
    with subprocess.Popen(command, text=True, cwd=root, start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _create(flowkeep: Flowkeep, executions: int) -> str:
    """The workflows, unless they are there already, and executions of them; returns what these share."""
    run = uuid4().hex
    for name, definition in WORKFLOWS.items():
        version = hashlib.sha256(json.dumps(definition).encode()).hexdigest()[:8]
        made = flowkeep.write(
            CREATE_WORKFLOW,
            name=name,
            version=version,
            definition=definition,
            category=_CATEGORY,
            idempotencyKey=f"demo/{name}/{version}",
        )
        for number in range(executions):
            flowkeep.write(
                CREATE_EXECUTION,
                workflowId=made["workflow"]["id"],
                input={"number": number},
                correlationId=run,
                idempotencyKey=f"demo/{run}/{name}/{number}",
            )
    return run


def _tell_how_to_watch(flowkeep: Flowkeep, run: str) -> None:
    rows = flowkeep.ask(PROGRESS, run=run)["executions"]["nodes"]
    where = "" if flowkeep.url == find_service().url else f" --url {flowkeep.url}"
    console.print("Follow their logs from another terminal, for example:\n")
    for row in {row["workflow"]["name"]: row for row in rows}.values():
        console.print(f"  .venv/bin/flowkeep tail {row['id']}{where}", highlight=False, soft_wrap=True)
    console.print()


def _watch(flowkeep: Flowkeep, run: str, number: int, executors: list[subprocess.Popen[str]]) -> None:
    """Show how far everything is until all has ended: live on a terminal, else a line for each end."""
    ended: set[str] = set()
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while len(ended) < number:
            if all(process.poll() is not None for process in executors):
                raise Refused("all executors have ended; they say why above")
            rows = flowkeep.ask(PROGRESS, run=run)["executions"]["nodes"]
            if console.is_terminal:
                live.update(_table(rows), refresh=True)
            for row in rows:
                if row["status"] in _ENDED and row["id"] not in ended:
                    ended.add(row["id"])
                    if not console.is_terminal:
                        console.print(_line(row), soft_wrap=True)
            time.sleep(_REFRESH_SECONDS)
    if console.is_terminal:
        console.print(_table(rows))


def _go_on(flowkeep: Flowkeep, run: str) -> str:
    """Recover an execution that failed, and fork one from its checkpoint; the fork's id."""
    rows = flowkeep.ask(PROGRESS, run=run)["executions"]["nodes"]
    failed = [row for row in rows if row["status"] == "FAILED"]
    origin = failed[-1]["latestCheckpoint"]["id"]
    fork = flowkeep.write(FORK, checkpointId=origin, idempotencyKey=f"demo/{run}/fork")
    flowkeep.write(RECOVER, executionId=failed[0]["id"], idempotencyKey=f"demo/{run}/recovery")
    console.print(
        f"\n{len(failed)} failed on purpose: one is recovered now, one forked from its checkpoint.",
        soft_wrap=True,
    )
    made: str = fork["execution"]["id"]
    return made


def _await(flowkeep: Flowkeep, execution: str) -> None:
    while flowkeep.ask(STATUS, id=execution)["execution"]["status"] not in _ENDED:
        time.sleep(_REFRESH_SECONDS)


def _line(row: Mapping[str, Any]) -> str:
    done = len(row["state"]["completedSteps"])
    return (
        f"{row['status']} {row['workflow']['name']} {row['id']}: {done} steps, "
        f"{row['retries']['totalCount']} failed attempts, {row['logs']['totalCount']} log lines"
    )


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("workflow", "execution", "status", "steps", "last step", "failures", "held by"):
        table.add_column(heading, no_wrap=True)
    colours = {"COMPLETED": "green", "FAILED": "red", "RUNNING": "yellow"}
    for row in rows:
        state = row["state"]
        steps = len(WORKFLOWS[row["workflow"]["name"]]["steps"])
        table.add_row(
            row["workflow"]["name"],
            f"…{row['id'][-6:]}",
            f"[{colours.get(row['status'], 'white')}]{row['status']}",
            f"{len(state['completedSteps'])}/{steps}",
            state["currentStep"] or "",
            str(row["retries"]["totalCount"]),
            row["lease"]["holder"] or "",
        )
    return table


def _tell_what_to_try(flowkeep: Flowkeep, *, own: bool) -> None:
    console.print("\nLook at it in a browser, at", flowkeep.url.removesuffix("/graphql"))
    console.print("Or ask about it in GraphiQL, at", flowkeep.url, "for example:\n")
    console.print(TO_TRY, highlight=False, soft_wrap=True)
    if not own:
        return
    if console.is_terminal and sys.stdin.isatty():
        console.print("\nThe server stays up for you; Ctrl-C ends it.")
        signal.pause()
    else:
        console.print("\nThe server ends with this demonstration; `make serve` starts one that stays.")


if __name__ == "__main__":
    typer.run(main)
