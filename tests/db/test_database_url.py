"""Database URLs as providers hand them out, with libpq's parameters, on a real server."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from sqlalchemy.engine import URL, make_url

from db.database_url import masked_url, parse_url
from db.engine import Database
from db.errors import NotReady, Unavailable
from tests.db.tls import Relay, relay

PLAIN = "postgresql://me:secret@127.0.0.1:5432/kept"


async def asked(url: str, question: str) -> Any:
    """What the server at a URL answers."""
    database = Database(url, pool_size=1)
    try:
        async with database.reading() as connection:
            return await connection.fetchval(question)
    finally:
        await database.close()


@pytest_asyncio.fixture
async def tls(worker_url: str, tmp_path: Path) -> AsyncIterator[Relay]:
    """TLS before this worker's PostgreSQL."""
    query = make_url(worker_url).query
    async with relay(f"{query['host']}/.s.PGSQL.{query.get('port', 5432)}", tmp_path) as running:
        yield running


def through(tls: Relay, worker_url: str, **query: str) -> str:
    """The URL of this worker's database over TCP."""
    url = make_url(worker_url)
    made = URL.create("postgresql", url.username, url.password, "127.0.0.1", tls.port, url.database, query)
    return made.render_as_string(hide_password=False)


@pytest.mark.parametrize(
    ("parameters", "question", "answer"),
    [
        ("application_name=orders", "SHOW application_name", "orders"),
        ("fallback_application_name=orders", "SHOW application_name", "orders"),
        (f"options={quote('-c work_mem=5MB -c lock_timeout=7s')}", "SHOW work_mem", "5MB"),
        ("sslmode=prefer&connect_timeout=5&target_session_attrs=read-write", "SELECT 'in'", "in"),
        ("keepalives=1&keepalives_idle=30&gssencmode=disable&client_encoding=utf8", "SELECT 'in'", "in"),
    ],
)
async def test_a_parameter_of_libpq_means_the_same(
    worker_url: str, parameters: str, question: str, answer: str
) -> None:
    assert await asked(f"{worker_url}&{parameters}", question) == answer


@pytest.mark.parametrize(
    ("query", "encrypted"),
    [
        ({"sslmode": "disable"}, 0),
        ({"sslmode": "prefer"}, 1),
        ({"sslmode": "require"}, 1),
        ({"ssl": "true"}, 1),
        ({"sslmode": "prefer", "channel_binding": "prefer"}, 1),
        ({"sslmode": "disable", "channel_binding": "require"}, 1),
    ],
    ids=str,
)
async def test_tls_is_used_as_sslmode_says(
    tls: Relay, worker_url: str, query: dict[str, str], encrypted: int
) -> None:
    assert await asked(through(tls, worker_url, **query), "SELECT 1") == 1
    assert tls.encrypted == encrypted


async def test_the_server_is_who_the_certificate_says(tls: Relay, worker_url: str) -> None:
    url = through(tls, worker_url, sslmode="verify-full", sslrootcert=str(tls.certificate))
    assert await asked(url, "SELECT 1") == 1


async def test_a_server_that_nobody_vouches_for_is_refused(tls: Relay, worker_url: str) -> None:
    url = through(tls, worker_url, sslmode="verify-full", sslrootcert="system")
    with pytest.raises(Unavailable, match=r"its certificate can't be trusted \(self-signed certificate\)"):
        await asked(url, "SELECT 1")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (
            "postgresql://me@127.0.0.1:1/kept",
            "PostgreSQL at 127.0.0.1:1 can't be reached: Connection refused.",
        ),
        ("postgresql:///kept?host=/no/such", "can't be reached: No such file or directory."),
    ],
)
async def test_why_a_server_cannot_be_reached_is_said(url: str, reason: str) -> None:
    with pytest.raises(Unavailable) as caught:
        await asked(url, "SELECT 1")
    assert str(caught.value).endswith(reason)


async def test_the_second_host_answers_where_the_first_does_not(tls: Relay, worker_url: str) -> None:
    url = through(tls, worker_url, sslmode="disable").replace("@127.0.0.1", "@127.0.0.1:1,127.0.0.1")
    assert await asked(url, "SELECT 1") == 1


def test_no_channel_binding_is_told(caplog: pytest.LogCaptureFixture) -> None:
    parse_url(f"{PLAIN}?sslmode=require&channel_binding=require")
    assert [(record.levelno, "verify-full" in record.message) for record in caplog.records] == [
        (logging.WARNING, True)
    ]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("no url", "can't be read"),
        ("postgresql://host:port/name", "can't be read"),
        ("postgresql://[::1/name", "can't be read"),
        ("mysql://host/name", "PostgreSQL only"),
        (f"{PLAIN}?sslmod=require", "sslmod; did you mean sslmode?"),
        (f"{PLAIN}?schema=public", r"does not know, schema"),
        (f"{PLAIN}?sslmode=on", "sslmode=on; there are disable, allow"),
        (f"{PLAIN}?connect_timeout=soon", "connect_timeout=soon; it is a number of seconds"),
        (f"{PLAIN}?sslrootcert=/no/such", "not there: sslrootcert=/no/such"),
        (f"{PLAIN}?sslmode=require&sslrootcert=system", "goes with sslmode=verify-full"),
    ],
)
def test_a_url_that_cannot_be_used_is_a_sentence(url: str, message: str) -> None:
    with pytest.raises(NotReady, match=message):
        parse_url(url)


def test_who_and_what_may_be_parameters_too() -> None:
    url, _ = parse_url("postgresql:///?host=here&port=1&user=me&password=secret&dbname=kept")
    assert (url.username, url.password, url.database, url.query["host"]) == ("me", "secret", "kept", "here")


@pytest.mark.parametrize(("given", "seconds"), [("5", 5), ("0", None), ("-1", None)])
def test_zero_waits_for_ever(given: str, seconds: int | None) -> None:
    assert parse_url(f"{PLAIN}?connect_timeout={given}").arguments["timeout"] == seconds


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (PLAIN, "postgresql://me:***@127.0.0.1:5432/kept"),
        (f"{PLAIN}?sslmode=require&sslpassword=hidden", "?sslmode=require&sslpassword=***"),
        ("postgresql:///kept?password=hidden", "password=***"),
        ("hidden", "***"),
    ],
)
def test_what_is_secret_in_a_url_is_masked(url: str, shown: str) -> None:
    masked = masked_url(url)
    assert masked.replace("%2A", "*").endswith(shown)
    assert not {"hidden", "secret"} & set(masked.replace("=", " ").replace(":", " ").split())
