"""`flowkeep check`."""

import typer

from db.engine import Database
from db.migrate import require_head
from db.queries.integrity import Finding, find_orphans
from db.queries.links import find_broken_links
from graph.commands.common import AsJson, DataDir, missing_replica, run, with_database
from graph.commands.environment import load_settings
from graph.commands.terminal import say, say_json


def check(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Prove what no foreign key does: log entries and events have their executions, links lead somewhere.

    Links are those of executions to their parents and to the checkpoints that they were forked from, and of
    checkpoints to those before them. Exit code 1 means that rows were found, and they are named. The
    replica of FLOWKEEP_REPLICA_URL must be a standby of the database.
    """

    async def work(database: Database) -> list[Finding]:
        await require_head(database)
        async with database.reading() as connection:
            return [*await find_orphans(connection), *await find_broken_links(connection)]

    with with_database(load_settings(data_dir=data_dir)) as settings:
        findings = run(settings, work)
        missing = run(settings, lambda database: missing_replica(database, settings))
    if missing is not None:
        say(f"{missing} Until the replica can be, queries are read from the primary.", err=True)
    if as_json:
        say_json(findings)
    else:
        for finding in findings:
            say(f"{finding.table}: {finding.rows} rows {finding.wrong}")
        say("Something is wrong." if any(finding.rows for finding in findings) else "All is well.")
    if any(finding.rows for finding in findings):
        raise typer.Exit(1)
