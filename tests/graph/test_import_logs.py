"""`flowkeep import logs` with the files and pipes that users have."""

import asyncio
import os
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from graph.commands.import_logs import time_zone
from tests.client import Client
from tests.commands import FLOWKEEP, Completed, flowkeep, most_memory, process
from tests.factories import Factory
from tests.graph.reading import exec_id

ENTRIES = """query ($id: ID!) { execution(id: $id) {
    logs { nodes { level loggedAt message truncated originalBytes } }
    events { nodes { type changes } }
} }"""


class Importer:
    """Imports into one execution."""

    def __init__(self, client: Client, url: str, execution: UUID) -> None:
        self._client, self._url, self.execution = client, url, exec_id(execution)

    async def run(self, *arguments: str | Path, piped: str | None = None) -> Completed:
        """Run the command; what is `piped` comes through a real pipe, to a process of its own."""
        command, database = self._command(*arguments), {"FLOWKEEP_DATABASE_URL": self._url}
        if piped is None:
            return flowkeep(*command, **database)
        return await asyncio.to_thread(process, *command, piped=piped, **database)

    def most_memory(self, *arguments: str | Path) -> int:
        """Run the command; the bytes of memory that it took."""
        environment = {**os.environ, "FLOWKEEP_DATABASE_URL": self._url}
        return most_memory([FLOWKEEP, *self._command(*arguments)], environment)

    def _command(self, *arguments: str | Path) -> list[str]:
        return ["import", "logs", "--json", "--execution", self.execution, *map(str, arguments)]

    async def summary(self, *arguments: str | Path, piped: str | None = None) -> dict[str, Any]:
        """What an import came to that nothing was wrong with."""
        done = await self.run(*arguments, piped=piped)
        assert done.returncode == 0, done.stderr
        summary: dict[str, Any] = orjson.loads(done.stdout)
        return {name: summary[name] for name in ("imported", "already_there", "empty", "rows")}

    async def read(self) -> list[dict[str, Any]]:
        """The log as it is now."""
        found = await self._client.ask(ENTRIES, id=self.execution)
        return list(found["execution"]["logs"]["nodes"])


@pytest.fixture
async def importer(client: Client, worker_url: str, make: Factory) -> Importer:
    """Imports into an execution that has no log yet."""
    return Importer(client, worker_url, await make.execution())


def counts(**given: int) -> dict[str, int]:
    """A summary."""
    return {"imported": 0, "already_there": 0, "empty": 0, "rows": 0, **given}


async def test_of_a_file_that_has_grown_only_what_is_new_is_added(importer: Importer, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("Starting\n2026-03-01 10:00:00 ERROR failed\n")
    assert await importer.summary(log) == counts(imported=1, rows=2)
    with log.open("a") as file:
        file.write("Traceback\n2026-03-01 10:00:01 \x1b[33mWARN\x1b[0m hot\n")
    moved = log.rename(tmp_path / "app.log.1")
    assert await importer.summary(moved) == counts(imported=1, rows=2)
    assert await importer.summary(moved) == counts(already_there=1)
    assert [(entry["level"], entry["loggedAt"][11:19]) for entry in await importer.read()] == [
        ("INFO", "10:00:00"),
        ("ERROR", "10:00:00"),
        ("ERROR", "10:00:00"),
        ("WARN", "10:00:01"),
    ]


@pytest.mark.parametrize("name", ["-", pytest.param("/dev/stdin", marks=pytest.mark.slow)])
async def test_a_pipe_is_a_file_like_any_other(importer: Importer, name: str) -> None:
    lines = "2026-03-01 10:00:00 WARN one\n"
    assert await importer.summary(name, piped=lines) == counts(imported=1, rows=1)
    assert await importer.summary(name, piped=lines + "two\n") == counts(imported=1, rows=1)
    assert [entry["message"] for entry in await importer.read()] == ["2026-03-01 10:00:00 WARN one", "two"]


async def test_an_empty_file_is_said_to_be_empty(importer: Importer, tmp_path: Path) -> None:
    empty, blank = tmp_path / "empty.log", tmp_path / "blank.log"
    empty.touch()
    blank.write_text("\n \n")
    done = await importer.run(empty, blank)
    assert (done.returncode, orjson.loads(done.stdout)["empty"]) == (0, 2)
    assert done.stderr == f"{empty}: there is nothing in it.\n{blank}: there is nothing in it.\n"


async def test_other_encodings_are_decoded_named_or_refused(importer: Importer, tmp_path: Path) -> None:
    marked, other = tmp_path / "marked.log", tmp_path / "other.log"
    marked.write_bytes("2026-03-01 10:00:00 ERROR größer\n".encode("utf-16"))
    other.write_bytes(b"2026-03-01 10:00:00 ERROR gr\xf6\xdfer\n")
    done = await importer.run(other, marked)
    assert (done.returncode, orjson.loads(done.stdout)["imported"]) == (1, 1)
    assert f"{other}: Line 1 has the byte 0xf6" in done.stderr
    assert await importer.summary("--encoding", "latin-1", other) == counts(already_there=1)
    assert await importer.summary("--replace", other) == counts(imported=1, rows=1)
    assert [entry["message"][26:] for entry in await importer.read()] == ["größer", "gr\ufffd\ufffder"]


async def test_zones_are_taken_refused_or_given(importer: Importer, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(
        "2026-03-01 10:00:00 CET INFO one\n2026-03-01 10:00:00 IST INFO two\n2026-03-01 10:00:00 x\n"
    )
    done = await importer.run(log)
    assert (done.returncode, "Line 2 has a time in IST" in done.stderr) == (1, True)
    assert await importer.summary("--timezone", "Asia/Kolkata", log) == counts(imported=1, rows=3)
    times = [entry["loggedAt"][11:16] for entry in await importer.read()]
    assert times == ["09:00", "04:30", "04:30"]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "+25:00", "../etc", "", "/etc/passwd", "Europe"])
def test_what_is_no_zone_is_a_sentence(zone: str) -> None:
    done = flowkeep("import", "logs", "--execution", f"exec_{'0' * 32}", "--timezone", zone, "x.log")
    assert (done.returncode, "is no time zone" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


def test_a_zone_is_a_name_or_an_offset() -> None:
    assert (str(time_zone("Europe/Berlin")), str(time_zone("-03:30"))) == ("Europe/Berlin", "UTC-03:30")


async def test_a_line_of_100_mb_is_cut_and_never_held(importer: Importer, tmp_path: Path) -> None:
    log, size = tmp_path / "app.log", 100 * 2**20
    with log.open("wb") as file:
        file.write(b"2026-03-01 10:00:00 ERROR ")
        for _ in range(100):
            file.write(b"x" * 2**20)
        file.write(b"\n2026-03-01 10:00:01 INFO next\n")
    assert await asyncio.to_thread(importer.most_memory, log) < 200 * 2**20
    long, after = await importer.read()
    assert (long["truncated"], long["originalBytes"], long["level"]) == (True, size + 26, "ERROR")
    assert (after["truncated"], after["message"]) == (False, "2026-03-01 10:00:01 INFO next")
