"""The command line, run as a user would: in processes of its own, on databases of its own."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy.engine import make_url

from db.embedded import EmbeddedPostgres
from tests.db.importing.traces import diamond

FLOWKEEP = str(Path(sys.executable).with_name("flowkeep"))


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data folder with a migrated database, on its own embedded PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="flowkeep-cli-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        assert flowkeep("migrate", data_dir=folder / "data").returncode == 0
        yield folder / "data"


def trace(**changed: str) -> bytes:
    """A small trace file."""
    return orjson.dumps({**diamond(), **changed})


def flowkeep(
    *arguments: str, data_dir: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    own = {"FLOWKEEP_DATA_DIR": str(data_dir)} if data_dir else {}
    return subprocess.run(
        [FLOWKEEP, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **own, **environment},
    )


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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_and_stops_with_its_postgres(data_dir: Path, number: signal.Signals) -> None:
    served = Served(data_dir)
    assert served.ask("{ health { database { revision expectedRevision } } }")["health"]["database"][
        "revision"
    ]
    assert served.stop(number) == 0
    assert not (data_dir / "cluster" / "postmaster.pid").exists()


def test_a_browser_finds_graphiql(data_dir: Path) -> None:
    served = Served(data_dir)
    page = httpx.get(served.url, headers={"accept": "text/html"})
    assert served.stop(signal.SIGTERM) == 0
    assert "graphiql" in page.text.lower()


def test_importer_and_server_share_the_database(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    file.write_bytes(trace(name="shared"))
    served = Served(data_dir)
    assert flowkeep("import", "wfformat", str(file), data_dir=data_dir).returncode == 0
    found = served.ask('{ workflow(by: {name: "shared"}) { executions { totalCount } } }')
    assert served.stop(signal.SIGTERM) == 0
    assert found["workflow"]["executions"]["totalCount"] == 1


def test_an_import_names_what_it_refuses_and_goes_on(data_dir: Path, tmp_path: Path) -> None:
    good, bad, empty = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "empty.json"
    good.write_bytes(trace(name="goes on"))
    bad.write_bytes(trace(name="bad", schemaVersion="1.3"))
    empty.touch()
    run = flowkeep("import", "wfformat", "--json", *map(str, (bad, empty, good)), data_dir=data_dir)
    summary = orjson.loads(run.stdout)
    assert (run.returncode, summary["imported"], set(summary["failed"])) == (1, 1, {str(bad), str(empty)})
    assert f"{bad}: " in run.stderr
    assert "1.3" in run.stderr


def test_the_same_log_file_again_adds_nothing(data_dir: Path, tmp_path: Path) -> None:
    file, log = tmp_path / "trace.json", tmp_path / "app.log"
    file.write_bytes(trace(name="logged"))
    log.write_text("2026-01-01 10:00:00 WARN low on disk\nno time stamp here\n")
    flowkeep("import", "wfformat", str(file), data_dir=data_dir)
    served = Served(data_dir)
    query = """{ workflow(by: {name: "logged"}) { executions { nodes {
        id logs { nodes { level message loggedAt } }
    } } } }"""
    (execution,) = served.ask(query)["workflow"]["executions"]["nodes"]
    runs = [
        flowkeep("import", "logs", "--execution", execution["id"], str(log), data_dir=data_dir).stdout
        for _ in range(2)
    ]
    (execution,) = served.ask(query)["workflow"]["executions"]["nodes"]
    assert served.stop(signal.SIGTERM) == 0
    assert [run.split(";")[0] for run in runs] == [
        "1 imported, 0 already there, 0 failed",
        "0 imported, 1 already there, 0 failed",
    ]
    assert execution["logs"]["nodes"] == [
        {
            "level": "WARN",
            "message": "2026-01-01 10:00:00 WARN low on disk",
            "loggedAt": "2026-01-01T10:00:00Z",
        },
        {"level": "WARN", "message": "no time stamp here", "loggedAt": "2026-01-01T10:00:00Z"},
    ]


def test_check_finds_nothing_wrong(data_dir: Path) -> None:
    assert flowkeep("check", data_dir=data_dir).stdout.endswith("All is well.\n")


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["serve", "--host", "0.0.0.0", "--port", "0"], {}, "Without authentication"),
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
    data_dir: Path, arguments: list[str], environment: dict[str, str], message: str
) -> None:
    run = flowkeep(*arguments, data_dir=data_dir, **environment)
    assert (run.returncode, message in run.stderr, "Traceback" in run.stderr) == (1, True, False), run.stderr


def test_a_taken_port_is_named(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = flowkeep("serve", "--port", port, data_dir=data_dir)
    assert (run.returncode, f"port {port}" in run.stderr, "Traceback" in run.stderr) == (1, True, False)


def test_serve_refuses_a_database_at_another_revision(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="flowkeep-cli-") as name:
        Path(name).chmod(0o755)
        run = flowkeep("serve", "--no-migrate", "--port", "0", data_dir=Path(name) / "data")
    assert (run.returncode, "flowkeep migrate" in run.stderr, "Traceback" in run.stderr) == (1, True, False)


def test_a_wrong_password_is_a_sentence(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as url:
        wrong = make_url(url).set(password="wrong").render_as_string(hide_password=False)
        run = flowkeep("migrate", FLOWKEEP_DATABASE_URL=wrong)
    assert (run.returncode, "password" in run.stderr, "Traceback" in run.stderr) == (1, True, False)
