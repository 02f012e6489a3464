"""`flowkeep check`."""

from dataclasses import dataclass, field

import typer
from rich.progress import MofNCompleteColumn

from db.engine import Database
from db.migrate import require_head
from db.queries.health import unready
from db.queries.integrity import Finding, find_orphans
from db.queries.links import find_broken_links
from db.queries.soundness import Damage, examine, find_invalid, survey
from graph.commands.common import AsJson, DataDir, missing_replica, run, with_database
from graph.commands.environment import load_settings
from graph.commands.progress import progress
from graph.commands.terminal import say, say_json


@dataclass(slots=True)
class Report:
    """What was found; `examined` tables and indexes were looked through with amcheck, or why none was."""

    rows: list[Finding]
    damages: list[Damage]
    examined: int = 0
    unexamined: str | None = None
    wrong: bool = field(init=False, default=False)


def check(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Prove that the database is whole: rows have their executions, links their ends, indexes their rows.

    Log entries and events have no foreign key, nor have the links of executions to their parents and to the
    checkpoints that they were forked from, and of checkpoints to those before them. Constraints and indexes
    must be valid, and there must be partitions for what comes next. With PostgreSQL's amcheck every table and
    index is read whole and compared; without it that is left out, and said. Exit code 1 means that something
    is wrong, and it is named. The replica of FLOWKEEP_REPLICA_URL must be a standby of the database.
    """
    with with_database(load_settings(data_dir=data_dir)) as settings:
        report = run(settings, _look)
        missing = run(settings, lambda database: missing_replica(database, settings))
    if missing is not None:
        say(f"{missing} Until the replica can be, queries are read from the primary.", err=True)
    if as_json:
        say_json(report)
    else:
        _show(report)
    if report.wrong:
        raise typer.Exit(1)


async def _look(database: Database) -> Report:
    await require_head(database)
    async with database.reading() as connection:
        report = Report(
            rows=[*await find_orphans(connection), *await find_broken_links(connection)],
            damages=await find_invalid(connection),
        )
        found = await survey(connection)
    report.damages += [Damage("database", reason) for reason in await unready(database)]
    report.examined, report.unexamined = len(found.relations), found.missing
    with progress(MofNCompleteColumn()) as bar:
        task = bar.add_task("tables and indexes", total=report.examined)
        async for damages in examine(database, found):
            report.damages += damages
            bar.advance(task)
    report.wrong = bool(report.damages) or any(finding.rows for finding in report.rows)
    return report


def _show(report: Report) -> None:
    for finding in report.rows:
        say(f"{finding.table}: {finding.rows} rows {finding.wrong}")
    for damage in report.damages:
        say(f"{damage.relation}: {damage.wrong}")
    if report.unexamined is None:
        say(f"{report.examined} tables and indexes were looked through.")
    else:
        say(f"Tables and indexes were not looked through. {report.unexamined}")
    say("Something is wrong." if report.wrong else "All is well.")
