"""The embedded PostgreSQL is killed under a service: it goes on by itself."""

import os
import signal
from pathlib import Path

import httpx
import pytest

from tests.outages.processes import service
from tests.patience import eventually

CREATE = 'mutation { createWorkflow(input: {name: "w", version: "1", definition: {}}) { __typename } }'


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_killed_server_is_started_again(data_dir: Path, workers: str) -> None:
    with service(None, "--workers", workers) as url, httpx.Client(timeout=60) as http:
        assert http.post(url, json={"query": CREATE}).json()["data"]
        note = data_dir / "cluster" / "postmaster.pid"
        before = note.read_text().split()[0]
        os.kill(int(before), signal.SIGKILL)
        assert eventually(lambda: note.exists() and note.read_text().split()[:1] not in ([], [before]))
        assert eventually(lambda: http.get(url.replace("/graphql", "/readyz")).status_code == 200)
        found = http.post(url, json={"query": "{ workflows { totalCount } }"}).json()
    assert found == {"data": {"workflows": {"totalCount": 1}}}
