"""Live feeds outlast whatever happens to their reader."""

from typing import Any

import pytest

from db import pools
from graph import background
from graph.http import probes
from graph.live.feeds import ExecutionFeed, News
from tests.http.test_probes import beside
from tests.live.conftest import Live, Serve, Write
from tests.live.documents import FEEDS, LOGS
from tests.patience import settled

JOBS = "{ health { jobs { name failing failures failuresInARow lastError } } }"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a connection, nor after a failure."""
    monkeypatch.setattr(pools, "POOL_TIMEOUT", 0.05)
    monkeypatch.setattr(background, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(probes, "_REMEMBERED_SECONDS", 0.0)


async def job(live: Live, name: str) -> dict[str, Any]:
    """How a job does."""
    (found,) = [one for one in (await live.client.ask(JOBS))["health"]["jobs"] if one["name"] == name]
    return dict(found)


@pytest.mark.usefixtures("impatient")
async def test_a_pool_that_is_full_ends_no_feed(serve: Serve, execution_id: str, write: Write) -> None:
    live = await serve()
    async with live.follow(LOGS, id=execution_id) as follower:
        async with live.tailer._database.reading():
            assert await settled(lambda: any(one.failing for one in live.background.jobs))
            answer = (await live.client.http.get(beside(live.client, "/readyz"))).json()
        await write(FEEDS["logs"], 1, 3)
        assert await follower.seqs(3) == [1, 2, 3]
    assert "All connections to the database were in use" in answer["reasons"][0]
    assert "The background job feeds has failed" in answer["reasons"][1]
    assert "All connections" in (await job(live, "feeds"))["lastError"]
    ready = await live.client.http.get(beside(live.client, "/readyz"))
    assert ready.json() == {"ready": True, "reasons": [], "warnings": []}


@pytest.mark.usefixtures("impatient")
async def test_a_fault_of_ours_ends_no_feed(
    serve: Serve, execution_id: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, news, faults = await serve(), ExecutionFeed.news, [ValueError("a bug"), KeyError("another")]

    def faulty(feed: ExecutionFeed, *given: Any) -> News:
        if faults:
            raise faults.pop()
        return news(feed, *given)

    async with live.follow(LOGS, id=execution_id) as follower:
        monkeypatch.setattr(ExecutionFeed, "news", faulty)
        await write(FEEDS["logs"], 1, 3)
        assert await follower.seqs(3) == [1, 2, 3]
    found = await job(live, "feeds")
    assert (faults, found["failing"], found["failures"]) == ([], False, 2)
    assert found["lastError"] == "ValueError; the log has its traceback."


async def test_retention_that_fails_is_shown_and_tried_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def faulty(*given: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(background, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr("graph.app.apply_enabled", faulty)
    monkeypatch.setattr("graph.app._FIRST_RETENTION_SECONDS", 0.0)
    live = await serve(retention_interval=3600)
    assert await settled(lambda: any(one.failing for one in live.background.jobs))
    answer = await live.client.http.get(beside(live.client, "/readyz"))
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert "The background job retention has failed" in str(answer.json()["warnings"])
    assert 'flowkeep_job_failures_total{name="retention"}' in await metrics(live)


async def metrics(live: Live) -> str:
    """What Prometheus reads."""
    return (await live.client.http.get(beside(live.client, "/metrics"))).text
