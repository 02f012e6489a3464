"""`flowkeep retention`: what may go, what would, and letting it go."""

from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from db.engine import Database
from db.enums import ExecutionStatus
from db.errors import InvalidInput, NotFound
from db.migrate import require_head
from db.queries.filters import HoldFilter
from db.queries.pages import Row, fetch_by_key
from db.queries.sources import ALL_HOLDS, RUNS
from db.retention.holds import place_hold, release_hold
from db.retention.policies import MOST_KEPT, create_policy
from db.retention.preview import Preview, preview
from db.retention.runs import go_on, start_run
from graph.commands.common import AsJson, DataDir, run, with_database
from graph.commands.environment import load_settings
from graph.commands.policies import (
    _shown,
    all_of,
    all_policies,
    columns_of,
    inline_policy,
    json_of,
    key_of,
    require_something,
    show_preview,
)
from graph.commands.tables import print_table
from graph.commands.terminal import report, say, say_json
from graph.commands.token import cli_write
from graph.ids import Kind, encode, subject_of

T = TypeVar("T")


policies = typer.Typer(
    help="Say how long history is kept.\n\n"
    "A policy takes executions by their age since they ended: with everything of them, or only their logs or "
    "old checkpoints. It never takes what has not ended, what is on hold, and the base of a fork that stays. "
    "The server applies all policies hourly (FLOWKEEP_RETENTION_INTERVAL).\n\n"
    "    flowkeep retention preview --executions 90d              # what would that take?\n\n"
    "    flowkeep retention create old --executions 90d --logs 14d --keep-last 10\n\n"
    "    flowkeep retention apply                                 # now, rather than within the hour",
    no_args_is_help=True,
)

Workflow = Annotated[
    str | None, typer.Option(help="Only this workflow's executions, in all versions.", show_default=False)
]
Statuses = Annotated[
    list[ExecutionStatus] | None,
    typer.Option(
        "--status",
        case_sensitive=False,
        help="Only executions that ended so; repeat it for more than one.",
        show_default=False,
    ),
]
Executions = Annotated[
    str | None,
    typer.Option(help="How long after its end an execution goes: 12h, 90d, 8w.", show_default=False),
]
Logs = Annotated[str | None, typer.Option(help="How long after its end its log goes.", show_default=False)]
Checkpoints = Annotated[
    str | None,
    typer.Option(
        help="How long after its end its checkpoints go that neither recovery nor a fork needs.",
        show_default=False,
    ),
]
KeepLast = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_KEPT,
        help="Spare so many of the newest executions of each workflow.",
        show_default=False,
    ),
]
NameOrId = Annotated[
    str | None, typer.Argument(help="A policy's name or id (pol_…); without it, all that are enabled.")
]
Subjects = Annotated[str, typer.Argument(help="Id of an execution (exec_…) or of a workflow version (wf_…).")]


@policies.command("list")
def list_policies(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the policies, by name."""
    rows = _on_database(all_policies, data_dir=data_dir)
    if as_json:
        say_json([json_of(row) for row in rows])
        return
    columns = ("name", "enabled", "workflow", "statuses", "executions", "logs", "checkpoints", "last", "id")
    shown = []
    for row in rows:
        ages = [_shown(row[name]) for name in ("keep_executions", "keep_logs", "keep_checkpoints")]
        which = row["workflow_name"] or "all", " ".join(row["statuses"] or ["all"])
        last = "" if row["keep_last"] is None else str(row["keep_last"])
        enabled = "yes" if row["enabled"] else "no"
        shown.append((row["name"], enabled, *which, *ages, last, encode(Kind.POLICY, row["id"])))
    print_table(columns, shown)


@policies.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name.")],
    workflow: Workflow = None,
    status: Statuses = None,
    executions: Executions = None,
    logs: Logs = None,
    checkpoints: Checkpoints = None,
    keep_last: KeepLast = None,
    disabled: Annotated[bool, typer.Option(help="Only apply it when it is named.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Only show what it would take.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a policy. Servers apply it from then on; see first what it takes, with --dry-run.

    Failed runs go after 30 days, everything else after a year, logs after a fortnight:

        flowkeep retention create failed --status FAILED --executions 30d

        flowkeep retention create rest --executions 365d --logs 14d
    """
    columns = columns_of(workflow, status, executions, logs, checkpoints, keep_last)
    require_something(columns)
    if dry_run:
        shown = _on_database(lambda database: preview(database, inline_policy(columns)), data_dir=data_dir)
        show_preview(shown, as_json)
        return
    whole = {"name": name, "enabled": not disabled, **columns}
    if not (1 <= len(name) <= 200 and name.isprintable()):
        raise InvalidInput("The name of a policy has 1 to 200 characters that can be printed.")
    key = _on_database(lambda database: create_policy(database, cli_write(), whole), data_dir=data_dir)
    made = encode(Kind.POLICY, key)
    report({"id": made}, f"{made}: the policy {name!r} is kept to.", as_json=as_json)


@policies.command("preview")
def preview_policies(
    name_or_id: NameOrId = None,
    workflow: Workflow = None,
    status: Statuses = None,
    executions: Executions = None,
    logs: Logs = None,
    checkpoints: Checkpoints = None,
    keep_last: KeepLast = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what policies would take now: those that are enabled, one of them, or one that options describe.

    Executions are counted; rows and bytes are measured on up to 200 of them, and scaled up.
    """
    columns = columns_of(workflow, status, executions, logs, checkpoints, keep_last)
    described = any(value is not None for value in columns.values())
    if described and name_or_id is not None:
        raise InvalidInput("Either name a policy or describe one by options.")

    async def work(database: Database) -> Preview:
        return await preview(
            database, inline_policy(columns) if described else await key_of(database, name_or_id)
        )

    show_preview(_on_database(work, data_dir=data_dir), as_json)


@policies.command()
def apply(
    name_or_id: NameOrId = None,
    dry_run: Annotated[bool, typer.Option(help="Only show what would go, as `preview` does.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let go what the policies take, and print the receipt.

    It may be interrupted at any time: the next time it goes on where it was. Several processes share the
    work. Writers are never kept waiting for longer than a quarter of a second.
    """
    if dry_run:
        preview_policies(name_or_id, data_dir=data_dir, as_json=as_json)
        return

    async def work(database: Database) -> Row:
        return await _apply(database, await key_of(database, name_or_id))

    receipt = _on_database(work, data_dir=data_dir)
    shown = {
        "id": encode(Kind.RUN, receipt["id"]),
        "status": receipt["status"],
        "deleted": orjson.loads(receipt["deleted"]),
        "partitions": receipt["partitions"],
        "batches": receipt["batches"],
        "seconds": (receipt["updated_at"] - receipt["started_at"]).total_seconds(),
    }
    if as_json:
        say_json(shown)
        return
    gone = ", ".join(f"{number:,} {table}" for table, number in shown["deleted"].items()) or "nothing"
    say(f"{shown['id']} {shown['status']}: {gone} in {shown['batches']} batches")


@policies.command()
def hold(
    subject: Subjects,
    reason: Annotated[str, typer.Option(help="Why; shown to who would delete it.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Put an execution, or a workflow version with all its executions, on hold: nobody deletes them then."""
    if not 1 <= len(reason) <= 500:
        raise InvalidInput("A reason has 1 to 500 characters.")
    kind, key = subject_of(subject)
    _on_database(lambda database: place_hold(database, cli_write(), kind, key, reason), data_dir=data_dir)
    report({"subjectId": subject}, f"{subject} is on hold.", as_json=as_json)


@policies.command("holds")
def list_holds(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List what is on hold, oldest first."""
    rows = _on_database(
        lambda database: all_of(database, ALL_HOLDS, HoldFilter(), "PLACED_AT"), data_dir=data_dir
    )
    shown = [
        {
            "subjectId": encode(Kind[row["subject_type"]], row["subject_id"]),
            "reason": row["reason"],
            "placedBy": row["placed_by"],
            "placedAt": row["placed_at"],
        }
        for row in rows
    ]
    if as_json:
        say_json(shown)
        return
    columns = ("subject", "reason", "placed by", "placed at")
    print_table(columns, [tuple(str(value) for value in hold.values()) for hold in shown])


@policies.command()
def release(subject: Subjects, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """End a hold."""
    kind, key = subject_of(subject)
    _on_database(lambda database: release_hold(database, cli_write(), kind, key), data_dir=data_dir)
    report({"subjectId": subject}, f"{subject} is on hold no more.", as_json=as_json)


def _on_database(work: Callable[[Database], Coroutine[Any, Any, T]], **given: Any) -> T:
    async def whole(database: Database) -> T:
        await require_head(database)
        return await work(database)

    with with_database(load_settings(**given)) as settings:
        return run(settings, whole)


async def _apply(database: Database, policy: UUID | None) -> Row:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        ahead = await preview(database, policy) if console.is_terminal else None
        rows = None if ahead is None else sum(share.rows for share in ahead.tables)
        task = bar.add_task("rows", total=rows)
        key = await start_run(database, cli_write(), policy)
        async with aclosing(go_on(database, key)) as batches:
            async for batch in batches:
                bar.advance(task, sum(batch.deleted.values()))
    async with database.reading() as connection:
        (receipt,) = await fetch_by_key(connection, RUNS, [(key,)])
    if receipt is None:
        raise NotFound("run of retention", encode(Kind.RUN, key))
    return receipt
