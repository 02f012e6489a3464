"""`flowkeep import bundle`, run as a user would: out of one database and into another."""

import asyncio
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from db.engine import Database
from db.enums import ExecutionStatus
from db.ids import uuid7
from db.models import Base
from graph.settings import Settings
from tests.client import Client
from tests.commands import FLOWKEEP, Command
from tests.factories import NOW, Factory
from tests.graph.bundles.conftest import Other
from tests.graph.bundles.lives import lived
from tests.graph.reading import exec_id
from tests.patience import PATIENCE
from tests.rows import counts, everything, rows
from tests.serving import serving
from tests.zst import zstd

# Of the database rather than of what is in it.
OWN = {"audit_entries", "idempotency_keys", "tokens"}
SUMMARY = {"unit": "rows", "imported": 0, "already_there": 0, "empty": 0, "failed": {}, "links_left_out": 0}


async def told(database: Database) -> list[tuple[str, dict[str, Any]]]:
    """Every row of every table, to the letter, but for what is a database's own."""
    tables = [table for table in Base.metadata.sorted_tables if table.name not in OWN]
    texts = [
        f"SELECT '{table.name}', jsonb_build_object("
        + ", ".join(
            f"'{column.name}', c.{column.name}::text" for column in table.columns if column.name != "xid"
        )
        + f")::text FROM {table.name} c"
        for table in tables
    ]
    async with database.reading() as connection:
        return sorted((row[0], row[1]) for row in await connection.fetch(" UNION ALL ".join(texts)))


async def test_everything_comes_through_to_the_letter(
    client: Client, make: Factory, command: Command, database: Database, other: Other, tmp_path: Path
) -> None:
    lives, file = await lived(client, make), tmp_path / "all.ndjson.zst"
    command.done("export", *lives.all, "--output", str(file))
    assert other.imported(file) == {**SUMMARY, "imported": 3}
    assert await told(other.database) == await told(database)


async def test_a_bundle_of_a_copy_is_the_same(
    client: Client, make: Factory, command: Command, other: Other, tmp_path: Path
) -> None:
    file = tmp_path / "all.ndjson"
    command.done("export", *(await lived(client, make)).all, "--output", str(file))
    other.imported(file)
    assert other.command.done("export", "--filter", "{}") == command.done("export", "--filter", "{}")


async def test_a_second_time_changes_nothing(
    client: Client, make: Factory, command: Command, other: Other, tmp_path: Path
) -> None:
    file = tmp_path / "all.ndjson.zst"
    command.done("export", *(await lived(client, make)).all, "--output", str(file))
    other.imported(file)
    before = await everything(other.database)
    assert other.imported(file) == {**SUMMARY, "already_there": 3}
    assert await everything(other.database) == before


async def test_where_it_came_from_nothing_changes(small: Path, command: Command, database: Database) -> None:
    before = await everything(database)
    assert command.json("import", "bundle", str(small))["already_there"] == 2
    assert await everything(database) == before


async def test_the_time_that_it_comes_from_has_partitions(
    make: Factory, command: Command, other: Other, tmp_path: Path, database: Database
) -> None:
    await make.logs(key := await make.execution(), 1)
    text = command.done("export", exec_id(key)).replace(str(key), str(uuid7(NOW.replace(year=2011))))
    (file := tmp_path / "old.ndjson").write_text(text)
    assert other.imported(file) == {**SUMMARY, "imported": 1}
    assert [row["seq"] for row in await rows(other.database, "log_entries")] == [1]


async def test_links_are_made_in_whatever_order_their_ends_come(
    client: Client, make: Factory, command: Command, database: Database, other: Other, tmp_path: Path
) -> None:
    lives = await lived(client, make)
    files = [tmp_path / f"{name}.ndjson" for name in lives._fields]
    for file, key in zip(files, lives, strict=True):
        command.done("export", key, "--output", str(file))
    parent, run, fork = files
    assert other.imported(fork, run) == {**SUMMARY, "imported": 2, "links_left_out": 1}
    assert other.imported(parent) == {**SUMMARY, "imported": 1}
    assert other.imported(run) == {**SUMMARY, "already_there": 1}
    assert await told(other.database) == await told(database)


async def test_what_has_not_ended_is_counted(
    make: Factory, command: Command, other: Other, tmp_path: Path
) -> None:
    for status in ExecutionStatus:
        await make.execution(status=status)
    command.done("export", "--filter", "{}", "--output", str(file := tmp_path / "all"))
    first, again = (other.command.run("import", "bundle", "--json", str(file)) for _ in range(2))
    assert "3 of the imported executions have not ended" in first.stderr
    assert [orjson.loads(run.stdout)["open"] for run in (first, again)] == [3, 0]


async def test_standard_input_is_a_bundle_too(small: Path, other: Other) -> None:
    packed = zstd.compress(await asyncio.to_thread(small.read_bytes))
    done = await asyncio.to_thread(
        subprocess.run,
        [FLOWKEEP, "import", "bundle", "--json", "-"],
        input=packed,
        capture_output=True,
        timeout=120,
        env={**os.environ, "FLOWKEEP_DATABASE_URL": other.url},
    )
    assert (orjson.loads(done.stdout)["imported"], done.stderr.startswith(b"2 of the imported")) == (2, True)


@pytest.mark.slow
async def test_two_imports_at_a_time_take_everything_once(
    small: Path, database: Database, other: Other
) -> None:
    command = [FLOWKEEP, "import", "bundle", "--json", str(small)]
    environment = {**os.environ, "FLOWKEEP_DATABASE_URL": other.url}
    both = [
        await asyncio.create_subprocess_exec(*command, env=environment, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    summaries = [orjson.loads((await process.communicate())[0]) for process in both]
    assert sum(summary["imported"] for summary in summaries) == 2
    assert sum(summary["already_there"] for summary in summaries) == 2
    assert await told(other.database) == await told(database)


async def comes_to_have(database: Database, executions: int) -> bool:
    """Whether others see so many in time."""
    deadline = time.monotonic() + PATIENCE
    while (await counts(database))["executions"] != executions:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


async def test_what_was_killed_half_way_is_completed(small: Path, database: Database, other: Other) -> None:
    half = (await asyncio.to_thread(small.read_bytes)).splitlines(keepends=True)[:13]
    process = await asyncio.create_subprocess_exec(
        *(FLOWKEEP, "import", "bundle", "-"),
        stdin=subprocess.PIPE,
        env={**os.environ, "FLOWKEEP_DATABASE_URL": other.url},
    )
    assert process.stdin is not None
    process.stdin.writelines(half)
    assert await comes_to_have(other.database, executions=1)
    process.kill()
    await process.wait()
    assert [(await counts(other.database))[name] for name in ("executions", "states", "log_entries")] == [
        1,
        1,
        3,
    ]
    assert other.imported(small) == {**SUMMARY, "imported": 1, "already_there": 1}
    assert await told(other.database) == await told(database)


async def test_files_that_can_be_taken_are_taken(small: Path, other: Other, tmp_path: Path) -> None:
    summary = other.imported(tmp_path / "none", small)
    assert (summary["imported"], summary["failed"]) == (
        2,
        {str(tmp_path / "none"): "No such file or directory"},
    )


async def test_the_same_definition_is_the_same_version(small: Path, other: Other) -> None:
    mine = await other.make.workflow(name="nightly", definition={"steps": [{"key": "a"}]})
    assert other.imported(small) == {**SUMMARY, "imported": 2}
    assert {row["workflow_id"] for row in await rows(other.database, "executions")} == {str(mine)}


async def test_what_went_on_since_an_earlier_bundle_is_said(
    make: Factory, client: Client, command: Command, other: Other, tmp_path: Path
) -> None:
    run, earlier, later = exec_id(await make.execution()), tmp_path / "earlier", tmp_path / "later"
    command.done("export", run, "--output", str(earlier))
    await client.done("transitionExecution", executionId=run, to="RUNNING")
    command.done("export", run, "--output", str(later))
    assert other.imported(earlier) == {**SUMMARY, "imported": 1}
    said = f"{run} is here as of event 0, and in the bundle as of event 1. It was left alone; "
    ((where, reason),) = other.imported(later)["failed"].items()
    assert (where, reason.startswith(said)) == (f"{later}, line 3", True)


async def test_an_idempotent_write_is_still_known(
    make: Factory, client: Client, command: Command, other: Other, tmp_path: Path
) -> None:
    run, file = exec_id(await make.execution(status=ExecutionStatus.RUNNING)), tmp_path / "run.ndjson"
    save = {"executionId": run, "variables": {"a": 1e20}, "idempotencyKey": "once"}
    first = await client.done("saveState", **save)
    command.done("export", run, "--output", str(file))
    other.imported(file)
    async with serving(Settings(database_url=SecretStr(other.url), retention_interval=0)) as url:
        again = await Client(url, client.http).done("saveState", **save)
    assert again == first
    assert len(await rows(other.database, "events")) == 1
