"""The command line as a user meets it."""

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy.engine import make_url

from db.engine import Database
from db.errors import NotReady
from db.migrate import current, migrate
from graph.commands.serve import bound, require_ready
from graph.ids import Kind, encode
from tests.client import Client
from tests.commands import FLOWKEEP, Command, flowkeep, process
from tests.db.importing.traces import diamond
from tests.factories import Factory


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data folder with a migrated database, on its own embedded PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="flowkeep-cli-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        assert flowkeep("migrate", FLOWKEEP_DATA_DIR=str(folder / "data")).returncode == 0
        yield folder / "data"


def trace(**changed: str) -> bytes:
    """A small trace file."""
    return orjson.dumps({**diamond(), **changed})


class Served:
    """A running `flowkeep serve`."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [FLOWKEEP, "serve", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "FLOWKEEP_DATA_DIR": str(data_dir)},
        )
        assert self.process.stdout is not None
        self.greeting = self.process.stdout.readline()
        self.url = self.greeting.split()[-1]

    def ask(self, document: str) -> Any:
        """The data of an answer."""
        return httpx.post(self.url, json={"query": document}, timeout=30).json()["data"]

    def stop(self, number: signal.Signals) -> int:
        """Send a signal and wait; returns the exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_serve_answers_and_stops_with_its_postgres(data_dir: Path, number: signal.Signals) -> None:
    served = Served(data_dir)
    database = served.ask("{ health { database { revision expectedRevision } } }")["health"]["database"]
    page = httpx.get(served.url, headers={"accept": "text/html"})
    assert (served.stop(number), "graphiql" in page.text.lower()) == (0, True)
    assert database["revision"] == database["expectedRevision"]
    assert not (data_dir / "cluster" / "postmaster.pid").exists()


@pytest.mark.slow
def test_importer_and_server_share_the_database(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    file.write_bytes(trace(name="shared"))
    served = Served(data_dir)
    run = process("import", "wfformat", str(file), FLOWKEEP_DATA_DIR=str(data_dir))
    assert run.returncode == 0, run.stderr
    found = served.ask('{ workflow(by: {name: "shared"}) { executions { totalCount } } }')
    assert served.stop(signal.SIGTERM) == 0
    assert found["workflow"]["executions"]["totalCount"] == 1


def test_an_import_names_what_it_refuses_and_goes_on(command: Command, tmp_path: Path) -> None:
    good, bad, empty = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "empty.json"
    good.write_bytes(trace(name="goes on"))
    bad.write_bytes(trace(name="bad", schemaVersion="1.3"))
    empty.touch()
    run = command.run("import", "wfformat", "--json", *map(str, (bad, empty, good)))
    summary = orjson.loads(run.stdout)
    assert (run.returncode, summary["imported"], set(summary["failed"])) == (1, 1, {str(bad), str(empty)})
    assert f"{bad}: " in run.stderr
    assert "1.3" in run.stderr


async def test_the_same_log_file_again_adds_nothing(
    command: Command, client: Client, make: Factory, tmp_path: Path
) -> None:
    execution = encode(Kind.EXECUTION, await make.execution())
    log = tmp_path / "app.log"
    log.write_text("2026-01-01 10:00:00 WARN low on disk\nno time stamp here\n")
    runs = [command.done("import", "logs", "--execution", execution, str(log)) for _ in range(2)]
    document = "query ($id: ID!) { execution(id: $id) { logs { nodes { level message loggedAt } } } }"
    found = (await client.ask(document, id=execution))["execution"]
    assert [run.split(";")[0] for run in runs] == [
        "1 imported, 0 already there, 0 failed",
        "0 imported, 1 already there, 0 failed",
    ]
    assert found["logs"]["nodes"] == [
        {
            "level": "WARN",
            "message": "2026-01-01 10:00:00 WARN low on disk",
            "loggedAt": "2026-01-01T10:00:00Z",
        },
        {"level": "WARN", "message": "no time stamp here", "loggedAt": "2026-01-01T10:00:00Z"},
    ]


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["serve", "--port", "99999"], {}, "FLOWKEEP_PORT"),
        (["serve"], {"FLOWKEEP_POOL_SIZE": "many"}, "FLOWKEEP_POOL_SIZE"),
        (["migrate"], {"FLOWKEEP_DATABASE_URL": "mysql://host/db"}, "PostgreSQL only"),
        (["migrate"], {"FLOWKEEP_DATABASE_URL": "no url"}, "can't be read"),
        (["migrate"], {"FLOWKEEP_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/d"}, "can't be reached"),
        (["migrate", "--to", "no such"], {}, "no such"),
        (["import", "logs", "--execution", "wf_1", "file"], {}, "exec_"),
    ],
)
def test_what_a_user_can_mend_is_a_sentence(
    command: Command, arguments: list[str], environment: dict[str, str], message: str
) -> None:
    run = command.run(*arguments, **environment)
    assert (run.returncode, message in run.stderr, "Traceback" in run.stderr) == (1, True, False), run.stderr


@pytest.mark.parametrize(
    ("options", "answer", "revision"),
    [
        ([], "", "0003"),
        ([], "n\n", "0003"),
        ([], "y\n", "0001"),
        (["--yes"], "", "0001"),
    ],
)
async def test_rows_are_dropped_only_when_somebody_says_so(
    empty_database_url: str, options: list[str], answer: str, revision: str
) -> None:
    database = Database(empty_database_url)
    await migrate(database, "0003")
    await Factory(database).token()
    command = Command(empty_database_url)
    run = command.run("migrate", "--to", "0001", *options, piped=answer)
    assert (run.returncode, await current(database)) == (int(revision == "0003"), revision)
    assert "Going back to 0001 drops tokens (1 row)." in run.stderr
    assert ("--yes" in run.stderr) == (revision == "0003")
    await database.close()


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NotReady, match=rf"port {port}: .*--port"):
            bound("127.0.0.1", port)


async def test_serve_refuses_a_database_at_another_revision(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    with pytest.raises(NotReady, match="run `flowkeep migrate`"):
        await require_ready(database)
    await database.close()


def test_a_wrong_password_is_a_sentence(command: Command) -> None:
    wrong = make_url(command.url).set(password="wrong").render_as_string(hide_password=False)
    run = command.run("migrate", FLOWKEEP_DATABASE_URL=wrong)
    assert (run.returncode, "password" in run.stderr, "Traceback" in run.stderr) == (1, True, False)
