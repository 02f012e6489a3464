"""Several processes that serve one address: they die, are replaced, and stop in order."""

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from db.engine import Database
from tests.outages.processes import service
from tests.patience import eventually

WORKERS = 2
ASK = {"query": "{ health { version } }"}


@pytest.fixture(scope="module")
def served(worker_url: str) -> Iterator[str]:
    """The endpoint of a service with two workers, which the tests share: each leaves two behind."""
    with service(worker_url, "--workers", str(WORKERS)) as url:
        yield url


def workers() -> list[psutil.Process]:
    """The workers of the service that this process has started last."""
    services = [child for child in psutil.Process().children() if "serve" in command_of(child)]
    parent = max(services, key=psutil.Process.create_time)
    return [child for child in parent.children() if "spawn_main" in command_of(child)]


def command_of(process: psutil.Process) -> str:
    """Its command line; empty for one that has ended."""
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def answers(url: str) -> bool:
    """Whether a request on a connection of its own is answered."""
    with suppress(httpx.TransportError):
        # No TLS here: loading the certificates would take ten times as long as the request.
        return httpx.post(url, json=ASK, timeout=10, verify=False).status_code == 200
    return False


def test_they_share_the_address(served: str) -> None:
    assert len(workers()) == WORKERS
    assert all(answers(served) for _ in range(20))


def test_a_dead_one_is_replaced(served: str) -> None:
    before = {worker.pid for worker in workers()}
    victim = workers()[0]
    victim.kill()
    assert eventually(lambda: len({worker.pid for worker in workers()} - {victim.pid}) == WORKERS)
    assert {worker.pid for worker in workers()} - before
    assert eventually(lambda: all(answers(served) for _ in range(5)))


def test_a_hangup_replaces_them_without_a_gap(served: str) -> None:
    before = {worker.pid for worker in workers()}
    parent = psutil.Process(next(iter(before))).parent()
    assert parent is not None
    parent.send_signal(signal.SIGHUP)
    failed = 0
    deadline = time.monotonic() + 120
    while {worker.pid for worker in workers()} & before:
        failed += not answers(served)
        assert time.monotonic() < deadline
    assert failed == 0


def test_their_metrics_are_added_up(served: str) -> None:
    def metrics() -> list[str]:
        found = httpx.get(served.removesuffix("/graphql") + "/metrics", verify=False)
        return found.text.splitlines()

    def counted() -> float:
        lines = [line for line in metrics() if line.startswith("flowkeep_requests_total{")]
        return sum(float(line.split()[-1]) for line in lines)

    before = counted()
    for _ in range(40):
        assert answers(served)
    assert {counted() for _ in range(6)} == {before + 40}
    assert eventually(lambda: "flowkeep_pool_size 20.0" in metrics())


def test_each_is_measured_and_the_database_once(served: str) -> None:
    def found() -> tuple[int, int]:
        lines = httpx.get(served.removesuffix("/graphql") + "/metrics", verify=False).text.splitlines()
        names = [line.partition("{")[0] for line in lines]
        return names.count("process_resident_memory_bytes"), lines.count("flowkeep_executions_orphaned 0.0")

    assert eventually(lambda: found() == (WORKERS, 1))


def test_they_end_with_their_parent(
    worker_url: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # nobody is left to delete what they shared
    with suppress(AssertionError), service(worker_url, "--workers", str(WORKERS)):
        found = workers()
        parent = found[0].parent()
        assert parent is not None
        parent.kill()
        assert eventually(lambda: not any(worker.is_running() for worker in found))
    assert not any(worker.is_running() for worker in found)


def test_the_embedded_database_is_the_parents() -> None:
    with tempfile.TemporaryDirectory(prefix="flowkeep-workers-") as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "data"
        with service(None, "--workers", str(WORKERS), "--data-dir", str(data)) as url:
            workers()[0].kill()
            assert eventually(lambda: len(workers()) == WORKERS)
            assert eventually(lambda: all(answers(url) for _ in range(5)))
        assert (data / "cluster" / "PG_VERSION").exists()
        assert not (data / "cluster" / "postmaster.pid").exists()
