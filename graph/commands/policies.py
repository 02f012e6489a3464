"""What the commands of retention read and show of policies."""

import re
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from db.engine import Database
from db.enums import ExecutionStatus
from db.errors import InvalidInput, NotFound
from db.queries.filters import PolicyFilter
from db.queries.pages import Row, Window, fetch_page
from db.queries.predicates import Filter
from db.queries.sources import ALL_POLICIES, Relation
from db.retention.policies import require_ended, require_sense
from db.retention.preview import Preview
from db.retention.selection import Policy
from graph.commands.terminal import say, say_json
from graph.ids import Kind, decode_as, encode

_PAGE = 500
_LENGTHS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


async def all_policies(database: Database) -> list[Row]:
    """Every policy, by name."""
    return await all_of(database, ALL_POLICIES, PolicyFilter(), "NAME")


async def all_of(database: Database, relation: Relation, narrowed: Filter, by: str) -> list[Row]:
    """All rows of a list, page by page."""
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


async def key_of(database: Database, name_or_id: str | None) -> UUID | None:
    """The policy with a name or an id, None for none; raises `NotFound`."""
    if name_or_id is None:
        return None
    named = {row["name"]: row["id"] for row in await all_policies(database)}
    if name_or_id in named:
        key: UUID = named[name_or_id]
        return key
    if not name_or_id.startswith(f"{Kind.POLICY.prefix}_"):
        raise NotFound("retention policy", repr(name_or_id))
    key = decode_as(Kind.POLICY, name_or_id)[0]
    if key not in named.values():
        raise NotFound("retention policy", name_or_id)
    return key


def columns_of(
    workflow: str | None,
    statuses: list[ExecutionStatus] | None,
    executions: str | None,
    logs: str | None,
    checkpoints: str | None,
    keep_last: int | None,
) -> dict[str, Any]:
    """The columns that a command's options name; raises `InvalidInput`."""
    return {
        "workflow_name": workflow,
        "statuses": require_ended(statuses) if statuses else None,
        "keep_executions": _age(executions),
        "keep_logs": _age(logs),
        "keep_checkpoints": _age(checkpoints),
        "keep_last": keep_last,
    }


def _age(text: str | None) -> timedelta | None:
    if text is None:
        return None
    length = re.fullmatch(r"([0-9]{1,7})([mhdw])", text)
    if length is None:
        raise InvalidInput(
            f"{text!r} is not an age: give minutes, hours, days or weeks, such as 12h, 90d or 8w."
        )
    return int(length[1]) * _LENGTHS[length[2]]


def require_something(columns: dict[str, Any]) -> None:
    """The one refusal of `require_sense` that names what here are options."""
    if all(columns[age] is None for age in ("keep_executions", "keep_logs", "keep_checkpoints")):
        raise InvalidInput("A policy takes something: give --executions, --logs or --checkpoints.")


def inline_policy(columns: dict[str, Any]) -> Policy:
    """The policy that options describe, which need not be there."""
    require_something(columns)
    require_sense(columns)
    statuses = columns["statuses"]
    return Policy(**{**columns, "statuses": None if statuses is None else tuple(statuses)})


def show_preview(shown: Preview, as_json: bool) -> None:
    """Print what would go."""
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


def json_of(row: Row) -> dict[str, Any]:
    """A policy as JSON shows it."""
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
