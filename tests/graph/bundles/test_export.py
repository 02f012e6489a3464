"""`flowkeep export`, run as a user would."""

import asyncio
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from db.engine import Database
from db.enums import ExecutionStatus
from db.ids import uuid7
from tests.client import Client
from tests.commands import FLOWKEEP, Command
from tests.factories import Factory
from tests.graph.bundles.lives import EXACT, lived
from tests.graph.reading import exec_id
from tests.rows import TABLES, rows
from tests.zst import zstd

# Of these tables everything that belongs to an execution is in a bundle, all columns but one.
KINDS = {
    "execution": "executions",
    "hold": "holds",
    "state": "states",
    "stateEntry": "state_entries",
    "step": "steps",
    "checkpoint": "checkpoints",
    "metric": "metric_points",
    "event": "events",
    "log": "log_entries",
}
NOT_OF_EXECUTIONS = {
    *("workflows", "audit_entries", "idempotency_keys", "deleted_executions", "tokens"),
    *("retention_policies", "retention_runs"),
}


def read(text: str) -> list[dict[str, Any]]:
    """The lines of a bundle."""
    return [orjson.loads(line) for line in text.removesuffix("\n").split("\n")]


def of(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Those of one kind."""
    return [line for line in lines if line["kind"] == kind]


async def test_every_row_of_an_execution_is_a_line(
    client: Client, make: Factory, command: Command, database: Database
) -> None:
    lives = await lived(client, make)
    lines = read(command.done("export", *lives.all))
    exported = {table: len(of(lines, kind)) for kind, table in KINDS.items()}
    assert exported == {table: len(await rows(database, table)) for table in KINDS.values()}
    assert min(exported.values()) > 0
    assert {*exported, *NOT_OF_EXECUTIONS} == {*TABLES}


async def test_documents_are_strings_of_what_was_written(
    client: Client, make: Factory, command: Command
) -> None:
    lives = await lived(client, make)
    (run,) = of(read(command.done("export", lives.run)), "execution")
    written = orjson.dumps(EXACT).decode()
    assert (run["input"], run["attributes_exact"], orjson.loads(run["error"])["details"]) == (
        written,
        written,
        EXACT,
    )


async def test_lines_tell_where_they_begin_and_how_many_they_were(make: Factory, command: Command) -> None:
    await make.logs(key := await make.execution(), 3)
    lines = read(command.done("export", exec_id(key), exec_id(key)))
    assert [line["kind"] for line in lines] == [
        *("bundle", "workflow", "execution", "state", "log", "log", "log", "executionEnd", "bundleEnd")
    ]
    assert lines[0] == {"kind": "bundle", "flowkeep": 1}
    assert lines[-2:] == [
        {"kind": "executionEnd", "id": str(key), "lines": {"state": 1, "log": 3}},
        {"kind": "bundleEnd", "executions": 1},
    ]


async def test_a_filter_is_the_apis(make: Factory, command: Command) -> None:
    workflow = await make.workflow(name="nightly")
    failed = await make.executions(3, workflow, status=ExecutionStatus.FAILED)
    await make.executions(3, workflow)
    await make.execution(status=ExecutionStatus.FAILED)
    chosen = '{"workflowName": {"startsWith": "night"}, "status": "FAILED"}'
    lines = read(command.done("export", "--filter", chosen))
    assert [line["id"] for line in of(lines, "execution")] == [str(key) for key in sorted(failed)]
    assert len(of(lines, "workflow")) == 1


async def test_ids_ahead_of_the_clock_come_too(make: Factory, command: Command) -> None:
    ahead = uuid7(datetime.now(UTC) + timedelta(minutes=5))
    await make.execution(id=ahead)
    lines = read(command.done("export", "--filter", "{}"))
    assert [line["id"] for line in of(lines, "execution")] == [str(ahead)]


async def test_of_nothing_a_bundle_is_empty(command: Command) -> None:
    lines = read(command.done("export", "--filter", "{}"))
    assert lines == [{"kind": "bundle", "flowkeep": 1}, {"kind": "bundleEnd", "executions": 0}]


@pytest.mark.slow
async def test_all_pages_of_a_filter_come(make: Factory, command: Command) -> None:
    await make.executions(2_100)
    assert command.json("export", "--filter", "{}", "--output", "/dev/null")["executions"] == 2_100


async def test_large_rows_come_one_by_one_and_in_order(make: Factory, command: Command) -> None:
    sizes = [10, 3_000_000, 10, 600_000, 600_000, 600_000, *[10] * 300]
    logs = [{"seq": seq, "message": "x" * size} for seq, size in enumerate(sizes, 1)]
    await make.records(key := await make.execution(), logs=logs)
    found = of(read(command.done("export", exec_id(key))), "log")
    assert [(line["seq"], len(line["message"])) for line in found] == list(enumerate(sizes, 1))


async def test_a_file_is_compressed_by_its_suffix(make: Factory, command: Command, tmp_path: Path) -> None:
    key, plain, packed = await make.execution(), tmp_path / "a.ndjson", tmp_path / "a.ndjson.zst"
    for file in (plain, packed):
        summary = command.json("export", exec_id(key), "--output", str(file))
        assert (summary["executions"], summary["lines"]) == (1, 6)
    assert zstd.decompress(packed.read_bytes()) == plain.read_bytes()
    assert len(plain.read_bytes().splitlines()) == 6


async def test_the_summary_keeps_out_of_what_is_printed(make: Factory, command: Command) -> None:
    done = command.run("export", exec_id(await make.execution()), "--json")
    assert orjson.loads(done.stderr)["lines"] == len(read(done.stdout)) == 6


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "one of the two"),
        (["exec_00000000000000000000000000000001", "--filter", "{}"], "one of the two"),
        (["exec_00000000000000000000000000000001"], "There is no execution exec_0000"),
        (["nightly"], "'nightly' is not an id"),
        (["--filter", "status"], "--filter takes JSON"),
        (["--filter", '{"status": ["LOST"]}'], "'LOST'"),
        (["--filter", '{"colour": 1}'], "'colour'"),
        (["--filter", '{"workflowName": {"eq": ""}}'], "An empty name is no condition"),
        (["--filter", '{"triggeredBy": ["me"]}'], "give `createdAt` a lower bound"),
        (["--filter", "{}", "--output", "/nowhere/a.zst"], "/nowhere/a.zst can't be written: No such file"),
        (["--filter", "{}", "--output", "/dev/full"], "can't be written: No space left on device"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_a_sentence(command: Command, arguments: list[str], reason: str) -> None:
    done = command.run("export", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def first_line(url: str, id: str) -> tuple[bytes, bytes]:
    """What `flowkeep export | head -n 1` prints, and what goes to standard error."""
    done = subprocess.run(
        ["/bin/sh", "-c", f"{FLOWKEEP} export {id} | head -n 1"],
        capture_output=True,
        timeout=120,
        check=True,
        env={**os.environ, "FLOWKEEP_DATABASE_URL": url},
    )
    return done.stdout, done.stderr


@pytest.mark.slow
async def test_who_has_read_enough_may_go(make: Factory, worker_url: str, database: Database) -> None:
    await make.logs(key := await make.execution(), 20_000)
    said = await asyncio.to_thread(first_line, worker_url, exec_id(key))
    assert said == (b'{"kind":"bundle","flowkeep":1}\n', b"")
