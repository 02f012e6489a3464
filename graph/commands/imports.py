"""`flowkeep import`: history that was made elsewhere."""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.progress import DownloadColumn, MofNCompleteColumn, TaskID

from db.bundles.writing import Import
from db.engine import Database
from db.errors import FlowkeepError, Unavailable
from db.importing.wfformat import TraceError, parse_trace
from db.migrate import require_head
from db.writes.imports import import_trace
from graph.commands.common import AsJson, DataDir, run, with_database
from graph.commands.environment import load_settings
from graph.commands.import_bundle import behind, import_bundle
from graph.commands.import_logs import ACTOR, Reading, import_log_file, time_zone
from graph.commands.progress import progress
from graph.commands.terminal import say, say_json
from graph.ids import Kind, decode_as
from graph.settings import Settings

imports = typer.Typer(help="Take in history that was made elsewhere.", no_args_is_help=True)

Files = Annotated[list[Path], typer.Argument(help="Files to read.", show_default=False)]


@dataclass
class Summary:
    """What an import came to."""

    unit: str
    imported: int = 0
    already_there: int = 0
    empty: int = 0
    rows: int = 0
    seconds: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)

    def show(self, as_json: bool) -> None:
        """Print it, name what failed, and exit with 1 if anything did."""
        for file, reason in self.failed.items():
            say(f"{file}: {reason}", err=True)
        if as_json:
            say_json(asdict(self))
        else:
            rate = self.rows / self.seconds if self.seconds else 0.0
            counts = [f"{self.imported} imported", f"{self.already_there} already there"]
            counts += [f"{self.empty} empty"] * bool(self.empty)
            summary = ", ".join((*counts, f"{len(self.failed)} failed"))
            say(f"{summary}; {self.rows:,} {self.unit} in {self.seconds:.1f} s ({rate:,.0f}/s)")
        if self.failed:
            raise typer.Exit(1)


@dataclass
class BundleSummary(Summary):
    """What an import of bundles came to, in executions."""

    open: int = 0
    links_left_out: int = 0


@imports.command()
def wfformat(files: Files, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Import execution traces in WfFormat 1.5, one execution a file.

    The task graph becomes a version of the workflow, the run an execution with its steps and metrics. A
    trace that is there already is left alone. A file that can't be taken in is named with the reason, the
    others go in, and the exit code is 1.
    """

    async def work(database: Database) -> Summary:
        await require_head(database)
        return await _import_traces(database, settings, files)

    with with_database(load_settings(data_dir=data_dir)) as settings:
        summary = run(settings, work)
    summary.show(as_json)


@imports.command()
def logs(
    files: Annotated[
        list[Path], typer.Argument(help="Files to read; - is standard input.", show_default=False)
    ],
    execution: Annotated[str, typer.Option(help="Id of the execution that logged them (exec_…).")],
    timezone: Annotated[
        str | None,
        typer.Option(
            help="Zone of times that name none: Europe/Berlin, +05:30. Without it, UTC.", show_default=False
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            help="Encoding of the files: latin-1, utf-16-le. Without it, what a file's mark says, or UTF-8.",
            show_default=False,
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Take bytes that are no text as U+FFFD, rather than refuse the file."),
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Append the lines of text files to an execution's log.

    Time stamp and level are recognised where a line has them, also in colours; the whole line is kept in any
    case. A line without them continues the one before, as a traceback does, and has its time and level; what
    comes before the first time stamp has that one. Blank lines are left out.

    Of a file that was taken in before, under whatever name, only what was added since is new:

        flowkeep import logs --execution exec_019cac4615007b51ab3711b6870580fc app.log

        kubectl logs job/nightly | flowkeep import logs --execution exec_019cac4615007b51ab3711b6870580fc -
    """
    execution_id = decode_as(Kind.EXECUTION, execution)[0]
    zone = time_zone(timezone)

    async def work(database: Database) -> Summary:
        await require_head(database)
        reading = Reading(settings.max_log_message_bytes, encoding, replace, zone)
        return await _import_logs(database, execution_id, files, reading)

    with with_database(load_settings(data_dir=data_dir)) as settings:
        summary = run(settings, work)
    summary.show(as_json)


@imports.command()
def bundle(
    files: Annotated[
        list[Path], typer.Argument(help="Files to read; - is standard input.", show_default=False)
    ],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Take in executions as `flowkeep export` wrote them, with everything of them and the same ids.

    An execution goes in as a whole or not at all, and one that is there already is left alone: what was
    stopped can be started again, and a second time changes nothing. Compressed files are taken as they are.

    Where a line is wrong, lines are missing, or a workflow version is here with another definition, the file
    is named with the line and the reason. What came before is in, the other files go in, the exit code is 1.

    What had not ended (PENDING, RUNNING, PAUSED) can be claimed here too, and may be worked on twice: end it
    in one of the two places. How many those were is said.

        flowkeep import bundle nightly.ndjson.zst

        flowkeep export --filter '{}' | FLOWKEEP_DATABASE_URL=… flowkeep import bundle -
    """

    async def work(database: Database) -> BundleSummary:
        await require_head(database)
        return await _import_bundles(Import(database, ACTOR, settings.partition_span), files)

    with with_database(load_settings(data_dir=data_dir)) as settings:
        summary = run(settings, work)
    if summary.open:
        say(
            f"{summary.open} of the imported executions have not ended, and can be claimed here as well as "
            "where they come from: end them in one of the two, or their work may be done twice.",
            err=True,
        )
    if summary.links_left_out:
        say(
            f"{summary.links_left_out} links lead to executions or checkpoints that are not here, and were "
            "left out; once they are, import the same again.",
            err=True,
        )
    summary.show(as_json)


async def _import_traces(database: Database, settings: Settings, files: Sequence[Path]) -> Summary:
    summary = Summary(unit="steps")
    with _collecting_less(), _timed(summary), progress(MofNCompleteColumn()) as bar:
        for file in bar.track(files, description="traces"):
            try:
                trace = parse_trace(file.read_bytes())
                outcome = await import_trace(database, trace, ACTOR, settings.partition_span)
            except (TraceError, OSError, FlowkeepError) as error:
                _note_failure(summary, file, error)
                continue
            if outcome.created:
                summary.imported += 1
                summary.rows += outcome.steps
            else:
                summary.already_there += 1
    return summary


async def _import_bundles(imported: Import, files: Sequence[Path]) -> BundleSummary:
    summary = BundleSummary(unit="rows")
    with _timed(summary), progress(DownloadColumn()) as bar:
        for file in files:
            task = bar.add_task(file.name, total=None)

            def advance(done: int, of: int, task: TaskID = task) -> None:
                bar.update(task, completed=done, total=of or None)

            try:
                await import_bundle(imported, file, advance)
            except (OSError, FlowkeepError) as error:
                _note_failure(summary, file, error)
            summary.failed |= behind(imported, file)
        try:
            await imported.link()
        except FlowkeepError as error:  # what came in is in, and the summary has to say so
            summary.failed["links between executions"] = str(error)
    summary.imported, summary.already_there = imported.imported, imported.already_there
    summary.open = imported.open
    summary.rows, summary.links_left_out = imported.rows, len(imported.links)
    return summary


async def _import_logs(
    database: Database, execution_id: UUID, files: Sequence[Path], reading: Reading
) -> Summary:
    summary = Summary(unit="lines")
    with _timed(summary), progress(DownloadColumn()) as bar:
        for file in files:
            task = bar.add_task(file.name, total=None)

            def advance(done: int, of: int, task: TaskID = task) -> None:
                bar.update(task, completed=done, total=of)

            try:
                taken = await import_log_file(database, execution_id, file, reading, advance)
            except (OSError, FlowkeepError) as error:
                _note_failure(summary, file, error)
                continue
            summary.rows += taken.lines
            if taken.lines:
                summary.imported += 1
            elif taken.before:
                summary.already_there += 1
            else:
                summary.empty += 1
                say(f"{file}: there is nothing in it.", err=True)
    return summary


def _note_failure(summary: Summary, file: Path, error: Exception) -> None:
    if isinstance(error, Unavailable):
        raise error
    summary.failed[str(file)] = error.strerror or str(error) if isinstance(error, OSError) else str(error)


@contextmanager
def _timed(summary: Summary) -> Iterator[None]:
    started = time.perf_counter()
    yield
    summary.seconds = time.perf_counter() - started


@contextmanager
def _collecting_less() -> Iterator[None]:
    """Parsing makes many objects and no cycles: the collector's full passes would take a third of it."""
    thresholds = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
