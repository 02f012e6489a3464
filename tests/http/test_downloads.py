"""An execution's log and all of it, as files."""

import asyncio
import random
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from db.enums import LogLevel, Scope
from graph.ids import Kind, encode
from tests.client import Client
from tests.commands import Command
from tests.factories import NOW, Factory
from tests.graph.bundles.lives import lived
from tests.http.conftest import Enter, Serve
from tests.http.locks import Lock
from tests.http.raw import connect, head
from tests.zst import zstd

HEADERS = {"GraphQL-Require-Preflight": "1"}


async def get(client: Client, id: str, name: str, headers: dict[str, str] = HEADERS) -> httpx.Response:
    """The answer for a file of an execution."""
    address = f"{client.url.removesuffix('/graphql')}/downloads/{id}/{name}"
    return await client.http.get(address, headers=headers)


async def test_a_log_is_a_line_an_entry(client: Client, make: Factory) -> None:
    await make.steps(key := await make.execution(), key="load")
    evil = {"seq": 2, "level": LogLevel.ERROR, "message": "two\nlines \x1b[31m", "logged_at": NOW}
    await make.records(key, logs=[{"seq": 1, "step_seq": 1, "message": "first", "logged_at": NOW}, evil])
    response = await get(client, encode(Kind.EXECUTION, key), "log.txt")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert "attachment" in response.headers["content-disposition"]
    assert response.text == (
        "2026-01-15T12:00:00+00:00 INFO  load first\n"
        "2026-01-15T12:00:00+00:00 ERROR - two\n    lines \\x1b[31m\n"
    )


async def test_a_long_log_comes_whole_and_in_order(client: Client, make: Factory) -> None:
    await make.logs(key := await make.execution(), 2_500)
    lines = (await get(client, encode(Kind.EXECUTION, key), "log.txt")).text.splitlines()
    assert [line.rsplit(" ", 1)[1] for line in lines] == [str(number) for number in range(1, 2_501)]


async def test_an_execution_comes_with_all_that_belongs_to_it(client: Client, make: Factory) -> None:
    workflow = await make.workflow(name="nightly")
    await client.done("createExecution", workflowName="nightly", input={"n": 1e20}, variables={"a": 1})
    data = await client.ask("{ executions { nodes { id } } }")
    run = data["executions"]["nodes"][0]["id"]
    await client.done("transitionExecution", executionId=run, to="RUNNING")
    step: dict[str, Any] = {"key": "load", "output": {"rows": [1, None]}}
    logs, checkpoint = [{"message": "done"}], {"label": "after"}
    await client.done("commitStep", executionId=run, step=step, checkpoint=checkpoint, logs=logs)
    response = await get(client, run, "execution.ndjson")
    records = [orjson.loads(line) for line in response.text.splitlines()]
    kinds = [record["record"] for record in records]
    assert list(dict.fromkeys(kinds)) == ["execution", "step", "checkpoint", "event", "log"]
    assert (records[0]["status"], records[0]["input"]) == ("RUNNING", {"n": 1e20})
    assert records[1]["output"] == {"rows": [1, None]}
    assert workflow.hex in response.text.replace("-", "")


@pytest.mark.parametrize("name", ["bundle.ndjson", "bundle.ndjson.zst"])
async def test_a_bundle_is_what_is_exported(
    client: Client, make: Factory, command: Command, name: str
) -> None:
    run = (await lived(client, make)).run
    response = await get(client, run, name)
    text = zstd.decompress(response.content) if name.endswith("zst") else response.content
    assert text.decode() == command.done("export", run)
    assert response.headers["content-length"] == str(len(response.content))
    assert f'filename="{run}-{name}"' in response.headers["content-disposition"]


async def test_a_client_that_goes_away_stops_the_making_of_its_bundle(
    serve: Serve, make: Factory, table_lock: Lock
) -> None:
    client = await serve(request_timeout=300)  # longer than a test waits: no deadline stops it
    run = encode(Kind.EXECUTION, await make.execution())
    address = f"{client.url.removesuffix('/graphql')}/downloads/{run}/bundle.ndjson"
    async with table_lock("log_entries") as lock:
        _, writer = await connect(client.url)
        writer.write(head(address, "GET", **HEADERS))
        assert await lock.awaited(1)
        writer.close()
        assert await lock.awaited(0)


async def test_while_bundles_are_made_their_caller_is_answered(
    serve_anew: Serve, make: Factory, table_lock: Lock
) -> None:
    client = await serve_anew(pool_size=8)
    run = encode(Kind.EXECUTION, await make.execution())
    async with table_lock("log_entries") as lock:
        making = [asyncio.create_task(get(client, run, "bundle.ndjson")) for _ in range(5)]
        assert await lock.awaited(1)
        assert await client.ask("{ executions { totalCount } }") == {"executions": {"totalCount": 1}}
    assert {answer.status_code for answer in await asyncio.gather(*making)} == {200}


async def test_who_waits_too_long_for_a_bundle_is_told(
    serve_anew: Serve, make: Factory, table_lock: Lock
) -> None:
    client = await serve_anew(pool_size=8, request_timeout=0.3)
    run = encode(Kind.EXECUTION, await make.execution())
    async with table_lock("log_entries") as lock:
        first = asyncio.create_task(get(client, run, "bundle.ndjson"))
        assert await lock.awaited(1)
        second = await get(client, run, "bundle.ndjson")
        assert (second.status_code, "Another bundle is being made" in second.text) == (503, True)
        first.cancel()


async def test_downloads_are_requests_like_others(serve_anew: Serve, make: Factory) -> None:
    client = await serve_anew(rate_limit=0.001, rate_burst=2)
    run = encode(Kind.EXECUTION, await make.execution())
    answers = [await get(client, run, "log.txt", {**HEADERS, "X-Request-Id": "mine"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[2].headers["retry-after"], answers[0].headers["x-request-id"]) == ("1000", "mine")


async def test_a_large_bundle_comes_whole(client: Client, make: Factory) -> None:
    noise = random.Random(1)
    logs = [{"seq": seq, "message": noise.randbytes(500_000).hex()} for seq in range(1, 9)]
    await make.records(key := await make.execution(), logs=logs)
    response = await get(client, encode(Kind.EXECUTION, key), "bundle.ndjson")
    lines = [orjson.loads(line) for line in response.text.splitlines()]
    assert [line["message"] for line in lines if line["kind"] == "log"] == [log["message"] for log in logs]
    assert lines[-1] == {"kind": "bundleEnd", "executions": 1}


@pytest.fixture
def crammed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Temporary files have room for a megabyte."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"A file system can't be mounted here: {mounted.stderr.strip()}")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.mark.usefixtures("crammed")
async def test_a_bundle_for_which_there_is_no_room_is_refused(client: Client, make: Factory) -> None:
    noise = random.Random(1)
    logs = [{"seq": seq, "message": noise.randbytes(500_000).hex()} for seq in range(1, 9)]
    await make.records(key := await make.execution(), logs=logs)
    response = await get(client, encode(Kind.EXECUTION, key), "bundle.ndjson")
    assert (response.status_code, "No space left on device" in response.text) == (503, True)


@pytest.mark.parametrize(
    ("id", "status"), [("exec_00000000000000000000000000000001", 404), ("exec_x", 400), ("wf_1", 400)]
)
@pytest.mark.parametrize("name", ["log.txt", "bundle.ndjson"])
async def test_what_is_not_there_is_told(client: Client, id: str, status: int, name: str) -> None:
    response = await get(client, id, name)
    assert (response.status_code, response.headers["content-type"]) == (status, "text/plain; charset=utf-8")


@pytest.mark.parametrize("name", ["log.txt", "bundle.ndjson", "bundle.ndjson.zst"])
async def test_it_takes_read(enter: Enter, make: Factory, name: str) -> None:
    run = encode(Kind.EXECUTION, await make.execution())
    assert (await get(await enter(Scope.READ), run, name)).status_code == 200
    assert (await get(await enter(Scope.WRITE), run, name)).status_code == 403
    nobody = await enter(Scope.READ)
    nobody.http.headers["Authorization"] = "Bearer wrong"
    refused = await get(nobody, run, name)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    "headers",
    [{}, {**HEADERS, "Origin": "https://evil.example.org"}, {**HEADERS, "Host": "evil.org"}],
)
async def test_pages_of_other_origins_get_nothing(
    client: Client, make: Factory, headers: dict[str, str]
) -> None:
    run = encode(Kind.EXECUTION, await make.execution())
    assert (await get(client, run, "execution.ndjson", headers)).status_code in (400, 403)
