"""`flowkeep import`: history that was made elsewhere."""

import gc
import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated
from uuid import UUID

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from db.engine import Database
from db.errors import FlowkeepError, Unavailable
from db.importing.loglines import LogLine, read_lines
from db.importing.wfformat import TraceError, parse_trace
from db.migrate import require_head
from db.writes.imports import append_log_lines, import_trace
from graph.commands.common import AsJson, DataDir, run, with_database
from graph.commands.environment import load_settings
from graph.ids import Kind, decode_as
from graph.settings import Settings

ACTOR = "import"
_LINES_PER_BATCH = 5000

imports = typer.Typer(help="Take in history that was made elsewhere.", no_args_is_help=True)

Files = Annotated[list[Path], typer.Argument(help="Files to read.", show_default=False)]


@dataclass
class Summary:
    """What an import came to."""

    unit: str
    imported: int = 0
    already_there: int = 0
    rows: int = 0
    seconds: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)

    def show(self, as_json: bool) -> None:
        """Print it, name what failed, and exit with 1 if anything did."""
        for file, reason in self.failed.items():
            typer.echo(f"{file}: {reason}", err=True)
        if as_json:
            typer.echo(orjson.dumps(asdict(self)))
        else:
            rate = self.rows / self.seconds if self.seconds else 0.0
            typer.echo(
                f"{self.imported} imported, {self.already_there} already there, {len(self.failed)} failed; "
                f"{self.rows:,} {self.unit} in {self.seconds:.1f} s ({rate:,.0f}/s)"
            )
        if self.failed:
            raise typer.Exit(1)


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
    files: Files,
    execution: Annotated[str, typer.Option(help="Id of the execution that logged them (exec_…).")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Append the lines of text files to an execution's log.

    Time stamp and level are recognised where a line has them; the whole line is kept in any case. A line
    without a time stamp takes that of the line before it. Blank lines are left out. The same file again
    adds nothing.
    """
    execution_id = decode_as(Kind.EXECUTION, execution)[0]

    async def work(database: Database) -> Summary:
        await require_head(database)
        return await _import_logs(database, execution_id, files)

    with with_database(load_settings(data_dir=data_dir)) as settings:
        summary = run(settings, work)
    summary.show(as_json)


async def _import_traces(database: Database, settings: Settings, files: Sequence[Path]) -> Summary:
    summary = Summary(unit="steps")
    with _collecting_less(), _timed(summary), _progress() as progress:
        for file in progress.track(files, description="traces"):
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


async def _import_logs(database: Database, execution_id: UUID, files: Sequence[Path]) -> Summary:
    summary = Summary(unit="lines")
    with _timed(summary), _progress() as progress:
        for file in files:
            try:
                added = await _import_log_file(database, execution_id, file, progress)
            except (OSError, FlowkeepError) as error:
                _note_failure(summary, file, error)
                continue
            summary.rows += added
            if added:
                summary.imported += 1
            else:
                summary.already_there += 1
    return summary


async def _import_log_file(database: Database, execution_id: UUID, file: Path, progress: Progress) -> int:
    added = 0
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        task = progress.add_task(file.name, total=content.tell())
        content.seek(0)
        for number, batch in enumerate(_batches(_dated(read_lines(content)))):
            if await append_log_lines(database, execution_id, batch, ACTOR, f"import:{digest}:{number}"):
                added += len(batch)
            progress.update(task, completed=content.tell())
    return added


def _dated(lines: Iterable[LogLine]) -> Iterator[LogLine]:
    """Lines without a time stamp take that of the line before them."""
    latest = None
    for line in lines:
        latest = line.logged_at or latest
        yield line if line.logged_at else LogLine(line.level, line.message, latest)


def _batches(lines: Iterator[LogLine]) -> Iterator[list[LogLine]]:
    while batch := list(islice(lines, _LINES_PER_BATCH)):
        yield batch


def _note_failure(summary: Summary, file: Path, error: Exception) -> None:
    if isinstance(error, Unavailable):
        raise error
    summary.failed[str(file)] = error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _progress() -> Progress:
    """A bar on a terminal, nothing elsewhere; on standard error, so that output stays clean."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


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
