"""The embedded PostgreSQL is killed under a service: it goes on by itself."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.outages.processes import service

CREATE = 'mutation { createWorkflow(input: {name: "w", version: "1", definition: {}}) { __typename } }'


@pytest.fixture
def data_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data folder of the services that the test starts."""
    folder = Path(tempfile.mkdtemp(prefix="flowkeep-dies-"))
    folder.chmod(0o755)
    monkeypatch.setenv("FLOWKEEP_DATA_DIR", str(folder / "data"))
    yield folder / "data"
    shutil.rmtree(folder)


def eventually(done: Callable[[], bool]) -> None:
    """Wait until it comes true, half a minute at most."""
    for _ in range(600):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError("It did not come true.")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_killed_server_is_started_again(data_dir: Path, workers: str) -> None:
    with service(None, "--workers", workers) as url, httpx.Client(timeout=60) as http:
        assert http.post(url, json={"query": CREATE}).json()["data"]
        note = data_dir / "cluster" / "postmaster.pid"
        before = note.read_text().split()[0]
        os.kill(int(before), signal.SIGKILL)
        eventually(lambda: note.exists() and note.read_text().split()[:1] not in ([], [before]))
        eventually(lambda: http.get(url.replace("/graphql", "/readyz")).status_code == 200)
        found = http.post(url, json={"query": "{ workflows { totalCount } }"}).json()
    assert found == {"data": {"workflows": {"totalCount": 1}}}
