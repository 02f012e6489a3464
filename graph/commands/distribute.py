"""`flowkeep distribute`."""

from typing import Annotated

import typer

from db.distribution import Plan, distribute, plan
from db.engine import Database
from graph.commands.common import AsJson, DataDir, run, with_database
from graph.commands.environment import load_settings
from graph.commands.terminal import say, say_json

Shards = Annotated[
    int,
    typer.Option(
        help="Into how many pieces executions are spread; some for each processor core that all workers have "
        "together, or are to have: 32 for a few machines."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def distribute_database(
    shards: Shards, dry_run: DryRun = False, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Spread a database's executions over the nodes of a Citus cluster.

    The database is one of the cluster's coordinator: with CREATE EXTENSION citus in it, its workers added by
    citus_add_node, and migrated (`flowkeep migrate`). Executions and all that belongs to them are spread by
    their ids; workflows, idempotency keys, tokens and the other small tables are copied to every node. What
    is there already moves along, in one transaction, and nobody can read or write meanwhile. A second time
    there is nothing left to do.

    Stop every `flowkeep serve` before, and start them after: they learn at their start how statements are to
    be. Back up first: there is no way back but an export.
    """

    async def work(database: Database) -> Plan:
        return await (plan if dry_run else distribute)(database, shards)

    with with_database(load_settings(data_dir=data_dir)) as settings:
        found = run(settings, work)
    if as_json:
        say_json(found)
    else:
        _show(found, dry_run=dry_run)


def _show(found: Plan, *, dry_run: bool) -> None:
    for node in found.nodes:
        what = "coordinator" if node.coordinator else "worker"
        takes = "takes shards" if node.takes_shards and node.active else "takes no shards"
        say(f"{what} {node.host}:{node.port}, {takes}")
    if found.done:
        say(f"Nothing to do: the executions are spread over {found.shards} shards.")
        return
    verb = "would be" if dry_run else "are"
    if found.tree:
        say(f"Spread over {found.shards} shards {verb}: {', '.join(found.tree)}.")
    if found.everywhere:
        say(f"On every node {verb}: {', '.join(found.everywhere)}.")
    if not dry_run:
        say("Start every `flowkeep serve` of this database anew.")
