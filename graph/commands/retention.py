"""`flowkeep retention`: what may go, what would, and letting it go."""

import re
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from db.engine import Database
from db.enums import ExecutionStatus, Subject
from db.errors import InvalidInput, NotFound
from db.migrate import require_head
from db.queries.filters import HoldFilter, PolicyFilter
from db.queries.pages import Row, Window, fetch_by_key, fetch_page
from db.queries.predicates import Filter
from db.queries.sources import ALL_HOLDS, ALL_POLICIES, RUNS, Relation
from db.retention.holds import place_hold, release_hold
from db.retention.policies import MOST_KEPT, create_policy, require_sense
from db.retention.preview import Preview, preview
from db.retention.runs import go_on, start_run
from db.retention.selection import Policy
from graph.commands.common import AsJson, DataDir, run, with_database
from graph.commands.environment import load_settings
from graph.commands.tables import print_table
from graph.commands.terminal import report, say, say_json
from graph.commands.token import cli_write
from graph.ids import Kind, decode, decode_as, encode

T = TypeVar("T")

_PAGE = 500
_LENGTHS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}

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
    rows = _on_database(_policies, data_dir=data_dir)
    if as_json:
        say_json([_as_json(row) for row in rows])
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
    columns = _columns(workflow, status, executions, logs, checkpoints, keep_last)
    _require_something(columns)
    if dry_run:
        shown = _on_database(lambda database: preview(database, _inline(columns)), data_dir=data_dir)
        _show(shown, as_json)
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
    columns = _columns(workflow, status, executions, logs, checkpoints, keep_last)
    described = any(value is not None for value in columns.values())
    if described and name_or_id is not None:
        raise InvalidInput("Either name a policy or describe one by options.")

    async def work(database: Database) -> Preview:
        return await preview(database, _inline(columns) if described else await _key(database, name_or_id))

    _show(_on_database(work, data_dir=data_dir), as_json)


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
        return await _apply(database, await _key(database, name_or_id))

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
    kind, key = _subject(subject)
    _on_database(lambda database: place_hold(database, cli_write(), kind, key, reason), data_dir=data_dir)
    report({"subjectId": subject}, f"{subject} is on hold.", as_json=as_json)


@policies.command("holds")
def list_holds(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List what is on hold, oldest first."""
    rows = _on_database(
        lambda database: _listed(database, ALL_HOLDS, HoldFilter(), "PLACED_AT"), data_dir=data_dir
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
    kind, key = _subject(subject)
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


async def _policies(database: Database) -> list[Row]:
    return await _listed(database, ALL_POLICIES, PolicyFilter(), "NAME")


async def _listed(database: Database, relation: Relation, narrowed: Filter, by: str) -> list[Row]:
    found: list[Row] = []
    order, more = relation.source.order(by), True
    async with database.reading() as connection:
        while more:
            after = Window(order, False, _PAGE).place(found[-1]) if found else None
            window = Window(order, False, _PAGE, after=after)
            page = await fetch_page(connection, relation, narrowed, window)
            found += page.rows
            more = page.more
    return found


async def _key(database: Database, name_or_id: str | None) -> UUID | None:
    if name_or_id is None:
        return None
    named = {row["name"]: row["id"] for row in await _policies(database)}
    if name_or_id in named:
        key: UUID = named[name_or_id]
        return key
    if not name_or_id.startswith(f"{Kind.POLICY.prefix}_"):
        raise NotFound("retention policy", repr(name_or_id))
    key = decode_as(Kind.POLICY, name_or_id)[0]
    if key not in named.values():
        raise NotFound("retention policy", name_or_id)
    return key


def _columns(
    workflow: str | None,
    statuses: list[ExecutionStatus] | None,
    executions: str | None,
    logs: str | None,
    checkpoints: str | None,
    keep_last: int | None,
) -> dict[str, Any]:
    return {
        "workflow_name": workflow,
        "statuses": _ends(statuses),
        "keep_executions": _age(executions),
        "keep_logs": _age(logs),
        "keep_checkpoints": _age(checkpoints),
        "keep_last": keep_last,
    }


def _ends(statuses: list[ExecutionStatus] | None) -> list[str] | None:
    live = [status for status in statuses or () if not status.ending]
    if live:
        raise InvalidInput(f"Retention never touches what has not ended; {live[0]} is no end.")
    return list(dict.fromkeys(statuses)) if statuses else None


def _age(text: str | None) -> timedelta | None:
    if text is None:
        return None
    length = re.fullmatch(r"([0-9]{1,7})([mhdw])", text)
    if length is None:
        raise InvalidInput(
            f"{text!r} is not an age: give minutes, hours, days or weeks, such as 12h, 90d or 8w."
        )
    return int(length[1]) * _LENGTHS[length[2]]


def _require_something(columns: dict[str, Any]) -> None:
    """The one refusal of `require_sense` that names what here are options."""
    if all(columns[age] is None for age in ("keep_executions", "keep_logs", "keep_checkpoints")):
        raise InvalidInput("A policy takes something: give --executions, --logs or --checkpoints.")


def _inline(columns: dict[str, Any]) -> Policy:
    _require_something(columns)
    require_sense(columns)
    statuses = columns["statuses"]
    return Policy(**{**columns, "statuses": None if statuses is None else tuple(statuses)})


def _subject(text: str) -> tuple[Subject, UUID]:
    kind, key = decode(text)
    if kind.name not in Subject.__members__:
        raise InvalidInput(f"A hold is on an execution or a workflow version, not on {kind.one}.")
    return Subject[kind.name], key[0]


def _show(shown: Preview, as_json: bool) -> None:
    if as_json:
        say_json(asdict(shown))
        return
    about = "" if shown.exact else "about "
    say(
        f"{shown.executions:,} executions would go; {shown.with_logs:,} others would lose their logs, "
        f"{shown.with_checkpoints:,} others old checkpoints."
    )
    if shown.oldest is not None and shown.newest is not None:
        say(f"They ended from {shown.oldest:%Y-%m-%d %H:%M} to {shown.newest:%Y-%m-%d %H:%M UTC}.")
    for share in shown.tables:
        say(f"  {share.table}: {about}{share.rows:,} rows, {share.bytes / 2**20:,.1f} MiB")
    for name in shown.partitions:
        say(f"  {name} would be dropped as a whole, and those of the other tables with it.")


def _shown(age: timedelta | None) -> str:
    if age is None:
        return ""
    return f"{age.days}d" if age.seconds == 0 else str(age)


def _as_json(row: Row) -> dict[str, Any]:
    ages = {name: row[name] for name in ("keep_executions", "keep_logs", "keep_checkpoints")}
    seconds = {name: None if age is None else age.total_seconds() for name, age in ages.items()}
    return {
        "id": encode(Kind.POLICY, row["id"]),
        "name": row["name"],
        "enabled": row["enabled"],
        "workflowName": row["workflow_name"],
        "statuses": row["statuses"],
        "keepExecutions": seconds["keep_executions"],
        "keepLogs": seconds["keep_logs"],
        "keepCheckpoints": seconds["keep_checkpoints"],
        "keepLast": row["keep_last"],
    }
