"""`flowkeep export`: executions with everything of them, as a bundle."""

import os
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

import orjson
import typer
from rich.progress import MofNCompleteColumn

from db.bundles.files import created
from db.bundles.reading import Export, Unwritten
from db.bundles.selection import count_matching, matching
from db.engine import Database
from db.errors import InvalidInput, NotFound
from db.migrate import require_head
from db.queries.filters import ExecutionFilter
from db.queries.pages import fetch_by_key
from db.queries.sources import EXECUTIONS
from graph.api.executions.filters import narrowed_by
from graph.commands.common import AsJson, DataDir, run, with_database
from graph.commands.environment import load_settings
from graph.commands.progress import progress
from graph.commands.terminal import say
from graph.execution.core.coercing import Inputs
from graph.ids import Kind, decode_as, encode
from graph.schema import schema
from graph.visible import json_text


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to."""

    executions: int
    lines: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which executions: those that are named, or those that a filter takes."""

    named: Sequence[UUID] = ()
    narrowed: ExecutionFilter | None = None

    async def count(self, database: Database) -> int:
        """How many they are; raises `NotFound` where one that was named is not there."""
        if self.narrowed is not None:
            return await count_matching(database, self.narrowed)
        async with database.reading() as connection:
            rows = await fetch_by_key(connection, EXECUTIONS, [(key,) for key in self.named])
        for key, row in zip(self.named, rows, strict=True):
            if row is None:
                raise NotFound("execution", encode(Kind.EXECUTION, key))
        return len(self.named)

    async def keys(self, database: Database) -> AsyncGenerator[UUID]:
        """One after the other."""
        for key in self.named:
            yield key
        if self.narrowed is not None:
            async with aclosing(matching(database, self.narrowed)) as found:
                async for key in found:
                    yield key


def export(
    executions: Annotated[
        list[str] | None, typer.Argument(help="Ids of executions (exec_…).", show_default=False)
    ] = None,
    matching: Annotated[
        str | None,
        typer.Option(
            "--filter",
            help="Rather than ids: JSON as the API's ExecutionFilter takes it; {} is all executions.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write, compressed if it ends in .zst; else printed."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write executions with everything of them as lines of JSON, for `flowkeep import bundle`.

    Of each: itself, its workflow version, all versions of its state, steps, checkpoints, metrics, history and
    log, as they were at one moment. The output file is there once it is whole. The summary goes to standard
    error where the bundle is printed.

        flowkeep export exec_019cac4615007b51ab3711b6870580fc --output nightly.ndjson.zst

        flowkeep export --filter '{"workflowName": {"eq": "nightly"}}' --output nightly.ndjson.zst
    """
    wanted = _wanted(executions or [], matching)

    async def work(database: Database) -> Exported:
        await require_head(database)
        return await _export(database, wanted, output)

    with with_database(load_settings(data_dir=data_dir)) as settings:
        try:
            exported = run(settings, work)
        except Unwritten as error:
            if not isinstance(error.__cause__, BrokenPipeError):
                raise
            # Whoever read has had enough. What Python still holds must not be written at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
    _show(exported, as_json, printed=output is None)


def _wanted(ids: Sequence[str], condition: str | None) -> Wanted:
    if bool(ids) == (condition is not None):
        raise InvalidInput("Name executions by their ids, or give --filter: one of the two.")
    if condition is None:
        return Wanted(list(dict.fromkeys(decode_as(Kind.EXECUTION, text)[0] for text in ids)))
    try:
        value = orjson.loads(condition)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f'--filter takes JSON, such as {{"status": ["FAILED"]}}: {error}.') from error
    narrowed = narrowed_by(Inputs(schema, hide_suggestions=False).value("ExecutionFilter", value))
    narrowed.require_window()
    return Wanted(narrowed=narrowed)


async def _export(database: Database, wanted: Wanted, output: Path | None) -> Exported:
    started = time.perf_counter()
    total = await wanted.count(database)
    with _opened(output) as write, progress(MofNCompleteColumn()) as bar:
        task = bar.add_task("", total=total)

        def shown(text: bytes) -> None:
            write(text)
            bar.update(task, description=f"{made.lines:,} lines")

        made = Export(database, shown)
        made.begin()
        async with aclosing(wanted.keys(database)) as keys:
            async for key in keys:
                await _add(made, key, wanted)
                bar.advance(task)
        made.end()
    return Exported(made.executions, made.lines, time.perf_counter() - started)


async def _add(made: Export, key: UUID, wanted: Wanted) -> None:
    try:
        await made.add(key)
    except NotFound:
        # Of those that a filter takes, one may be deleted before its turn comes.
        if wanted.narrowed is None:
            raise


@contextmanager
def _opened(output: Path | None) -> Iterator[Callable[[bytes], object]]:
    if output is None:
        yield sys.stdout.buffer.write
        return
    try:
        with created(output) as write:
            yield write
    except OSError as error:
        raise InvalidInput(f"{output} can't be written: {error.strerror or error}.") from error


def _show(exported: Exported, as_json: bool, *, printed: bool) -> None:
    if as_json:
        typer.echo(json_text(asdict(exported)), err=printed)
        return
    rate = exported.lines / exported.seconds if exported.seconds else 0.0
    took = f"in {exported.seconds:.1f} s ({rate:,.0f}/s)"
    say(f"{exported.executions:,} executions, {exported.lines:,} lines {took}", err=printed)
