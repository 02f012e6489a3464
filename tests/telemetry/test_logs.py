"""A line for each request, and what it says."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr

from db.engine import Database
from graph.settings import Settings
from graph.telemetry.logs import JsonLines, TextLines
from tests.client import Client
from tests.factories import Factory
from tests.serving import serving


class Kept(logging.Handler):
    """Keeps the lines."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(orjson.loads(self.format(record)))


@contextmanager
def kept(name: str) -> Iterator[list[dict[str, Any]]]:
    """The lines of a logger as long as the block."""
    handler, logger = Kept(), logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def settings(worker_url: str, **given: Any) -> Settings:
    return Settings.model_validate(
        {"database_url": SecretStr(worker_url), "pool_size": 1, "log_format": "json", **given}
    )


async def test_a_request_is_a_line(worker_url: str, database: Database) -> None:
    with kept("flowkeep.access") as lines:
        async with serving(settings(worker_url)) as url, httpx.AsyncClient() as http:
            answer = await http.post(
                url, json={"query": "query Logged { health { version } }"}, headers={"x-request-id": "mine-1"}
            )
    (line,) = lines
    assert answer.headers["x-request-id"] == "mine-1"
    assert 0 < line.pop("duration") < 10
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
    assert line == {
        "level": "info",
        "logger": "flowkeep.access",
        "message": "request",
        "requestId": "mine-1",
        "transport": "http",
        "kind": "query",
        "operation": "Logged",
        "actor": "anonymous",
        "status": 200,
        "codes": [],
        "refused": None,
        "source": None,
    }


async def test_a_refused_request_has_its_codes(worker_url: str, database: Database) -> None:
    with kept("flowkeep.access") as lines:
        async with serving(settings(worker_url)) as url, httpx.AsyncClient() as http:
            await http.post(url, json={"query": "{ nothing no }"})
            await http.post(url, content=b"no json", headers={"content-type": "application/json"})
    assert [(line["codes"], line["kind"], line["status"]) for line in lines] == [
        (["GRAPHQL_VALIDATION_FAILED"], "none", 200),
        (["BAD_USER_INPUT"], "none", 400),
    ]


async def test_a_download_is_a_line_too(worker_url: str, database: Database, make: Factory) -> None:
    run = f"exec_{(await make.execution()).hex}"
    with kept("flowkeep.access") as lines:
        async with serving(settings(worker_url)) as url, httpx.AsyncClient() as http:
            for id in (run, "exec_1"):
                address = f"{url.removesuffix('/graphql')}/downloads/{id}/log.txt"
                await http.get(address, headers={"GraphQL-Require-Preflight": "1"})
    told = [(line["kind"], line["operation"], line["actor"], line["status"], line["codes"]) for line in lines]
    download = "download", "log.txt", "anonymous"
    assert told == [(*download, 200, []), (*download, 400, ["BAD_USER_INPUT"])]


@pytest.mark.parametrize(
    "given", ["", "a b", "x" * 200, 'quo"te', "ümlaut".encode("latin-1").decode("latin-1")]
)
async def test_an_id_that_is_not_sane_is_replaced(client: Client, given: str) -> None:
    answer = await client.http.post(
        client.url,
        json={"query": "{ health { version } }"},
        headers=[(b"x-request-id", given.encode("latin-1"))],
    )
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_a_slow_operation_is_told_with_its_document(worker_url: str, database: Database) -> None:
    with kept("flowkeep.slow") as lines:
        quick = settings(worker_url, log_format="text", slow_operation=0.000001)
        async with serving(quick) as url, httpx.AsyncClient() as http:
            await http.post(url, json={"query": "query Slow { health { version } }"})
    (line,) = lines
    assert (line["level"], line["operation"], line["kind"]) == ("warning", "Slow", "query")
    assert re.fullmatch("[0-9a-f]{64}", line["document"])


def test_text_shows_the_fields() -> None:
    record = logging.LogRecord("flowkeep.slow", logging.WARNING, "", 1, "slow operation", None, None)
    record.fields = {"operation": "Slow", "actor": None, "duration": 1.5}
    assert (
        TextLines()
        .format(record)
        .endswith("WARNING flowkeep.slow: slow operation operation='Slow' duration=1.5")
    )


@pytest.mark.parametrize("formatter", [TextLines(), JsonLines()], ids=["text", "json"])
def test_what_a_client_sent_does_not_drive_the_terminal(formatter: logging.Formatter) -> None:
    evil = "a\x1b[2J\x9b\u202e\nERROR forged"
    try:
        raise ValueError(evil)
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("flowkeep", logging.ERROR, "", 0, "%s", (evil,), info)
    lines = formatter.format(record).split("\n")
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if line.startswith("ERROR")] == []
