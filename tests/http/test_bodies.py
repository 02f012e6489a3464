"""Bodies that are no requests, and ways to send one badly: an answer in JSON with a code, never a 500."""

import asyncio
import gzip
import logging
import time
from collections.abc import Callable

import orjson
import pytest

from graph.http.bodies import parse_json
from tests.client import Client
from tests.http.conftest import Serve
from tests.http.raw import HEALTH, answer, connect, exchange, head, post

MALFORMED = {
    "empty": b"",
    "blank": b"   ",
    "text": b'"x"',
    "number": b"1",
    "null": b"null",
    "true": b"true",
    "empty list": b"[]",
    "batch": b"[" + HEALTH + b"," + HEALTH + b"]",
    "empty object": b"{}",
    "truncated": HEALTH[:-2],
    "trailing": HEALTH + b"}",
    "deep lists": b"[" * 3_000 + b"]" * 3_000,
    "deep objects": b'{"query": ' * 3_000 + b"1" + b"}" * 3_000,
    "deep variables": b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 3_000 + b"1" + b"}" * 3_001,
    "deep with a long number": b"[" * 90_000 + b"9" * 30,
    "lone surrogate": b'{"query": "{ __typename }", "operationName": "\\ud800"}',
    "surrogate in the document": b'{"query": "{ node(id: \\"\\udfff\\") { id } }"}',
    "invalid UTF-8": b'{"query": "{ __typename \xff }"}',
    "UTF-16": '{"query": "{ __typename }"}'.encode("utf-16"),
    "NaN": b'{"query": "{ __typename }", "variables": {"a": NaN}}',
    "Infinity": b'{"query": "{ __typename }", "variables": {"a": -Infinity}}',
    "huge number": b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 5_000 + b"}}",
    "form": b"query=%7B__typename%7D",
    "query is a number": b'{"query": 1}',
    "query is a list": b'{"query": ["{ __typename }"]}',
    "query is an object": b'{"query": {"a": 1}}',
    "query is null": b'{"query": null}',
    "query is true": b'{"query": true}',
    "variables are a list": b'{"query": "{ __typename }", "variables": [1]}',
    "variables are text": b'{"query": "{ __typename }", "variables": "{}"}',
    "variables are a number": b'{"query": "{ __typename }", "variables": 0}',
    "variables are false": b'{"query": "{ __typename }", "variables": false}',
    "name is a number": b'{"query": "{ __typename }", "operationName": 1}',
    "name is an object": b'{"query": "{ __typename }", "operationName": {}}',
    "extensions are a list": b'{"query": "{ __typename }", "extensions": []}',
    "extensions are text": b'{"query": "{ __typename }", "extensions": "cost"}',
    "persisted is text": b'{"extensions": {"persistedQuery": "x"}}',
    "persisted without a hash": b'{"extensions": {"persistedQuery": {"version": 1}}}',
    "persisted in another version": b'{"extensions": {"persistedQuery": {"version": 2, "sha256Hash": "a"}}}',
    "document id is a number": b'{"documentId": 1}',
    "document id is unknown": b'{"documentId": "nope"}',
    "name of no operation": b'{"query": "{ __typename }", "operationName": "Nope"}',
    "empty query": b'{"query": ""}',
    "no operation": b'{"query": "fragment F on Query { __typename }"}',
    "NUL": b'{"query": "{ \\u0000 }"}',
}
CODES = {"BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "PERSISTED_QUERY_NOT_FOUND"}
STATUSES = {"application/json": (200, 400), "application/graphql-response+json": (400,)}


@pytest.mark.parametrize("accept", STATUSES)
@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_no_request_is_refused(client: Client, name: str, accept: str) -> None:
    answer = await post(client.url, MALFORMED[name], accept=accept)
    assert (answer.code in CODES, answer.status in STATUSES[accept]) == (True, True)


@pytest.mark.parametrize(
    "value", ["9" * 30, "-" + "9" * 30, "1e400", '"' + "x" * 100_000 + '"', "[[[]]]", "{}", "true"]
)
async def test_any_value_for_a_variable_is_answered(client: Client, value: str) -> None:
    body = '{"query": "query ($n: Int) { workflows(first: $n) { nodes { id } } }", "variables": {"n": %s}}'
    answer = await post(client.url, (body % value).encode())
    assert answer.code in ("BAD_USER_INPUT", "TOO_COMPLEX")


TYPES = {
    "none": "",
    "text": "text/plain",
    "a form": "application/x-www-form-urlencoded",
    "a multipart form": "multipart/form-data; boundary=x",
    "almost": "application/jsonfoo",
    "almost, before": "xapplication/json",
    "graphql": "application/graphql",
    "nonsense": ";;;",
    "two": "text/plain, application/json",
    "another charset": "application/json; charset=utf-16",
}


def test_a_long_text_costs_little_more_than_to_read_it() -> None:
    body = orjson.dumps({"variables": {"text": "x" * 2**24}})

    def cost(parse: Callable[[bytes], object]) -> float:
        before = time.process_time()
        parse(body)
        return time.process_time() - before

    ours, least = (min(cost(parse) for _ in range(5)) for parse in (parse_json, orjson.loads))
    assert ours < 10 * least


@pytest.mark.parametrize("name", TYPES)
async def test_another_content_type_is_415(client: Client, name: str) -> None:
    answer = await post(client.url, HEALTH, content_type=TYPES[name])
    assert (answer.status, answer.code) == (415, "BAD_USER_INPUT")


@pytest.mark.parametrize(
    "kind", ["Application/JSON", "application/json; charset=UTF-8", 'application/json;charset="utf-8"']
)
async def test_json_by_other_spellings_is_taken(client: Client, kind: str) -> None:
    assert (await post(client.url, HEALTH, content_type=kind)).status == 200


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, identity"])
async def test_a_compressed_body_is_415(client: Client, encoding: str) -> None:
    answer = await post(client.url, gzip.compress(HEALTH), content_encoding=encoding)
    assert (answer.status, answer.code) == (415, "BAD_USER_INPUT")


SMALL = {"max_body_bytes": 1024, "body_timeout": 0.3}
LARGE = HEALTH + b" " * 1024


def chunked(body: bytes, size: int = 100) -> bytes:
    """A body in chunks, with their end."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


async def test_a_body_in_chunks_is_taken(client: Client) -> None:
    sent = head(client.url, transfer_encoding="chunked") + chunked(HEALTH)
    assert (await exchange(client.url, sent)).status == 200


@pytest.mark.parametrize("way", ["declared", "chunked", "only declared"])
async def test_a_large_body_is_413(serve: Serve, way: str) -> None:
    url = (await serve(**SMALL)).url
    sent = {
        "declared": head(url, content_length=str(len(LARGE))) + LARGE,
        "chunked": head(url, transfer_encoding="chunked") + chunked(LARGE),
        "only declared": head(url, content_length="999999999999"),
    }
    answer = await exchange(url, sent[way])
    assert (answer.status, answer.code) == (413, "TOO_LARGE")


@pytest.mark.parametrize("way", ["declared", "chunked"])
async def test_who_still_sends_a_large_body_hears_why_it_is_refused(serve: Serve, way: str) -> None:
    url = (await serve(max_body_bytes=2**23)).url
    piece, pieces, declared = bytes(2**20), 24, way == "declared"
    sent = {"content_length": str(len(piece) * pieces)} if declared else {"transfer_encoding": "chunked"}
    reader, writer = await connect(url)
    writer.write(head(url, **sent))
    for _ in range(pieces):
        writer.write(piece if declared else b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()  # fails where the server resets the connection
    writer.write(b"" if declared else b"0\r\n\r\n")
    heard = await answer(reader, writer)
    assert (heard.status, heard.code) == (413, "TOO_LARGE")


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "0x10"])
async def test_a_length_that_is_none_is_no_crash(client: Client, length: str) -> None:
    assert 400 <= (await exchange(client.url, head(client.url, content_length=length))).status < 500


async def test_a_body_that_drips_in_is_408(serve: Serve) -> None:
    url = (await serve(**SMALL)).url
    reader, writer = await connect(url)
    writer.write(head(url, content_length=str(len(HEALTH))))
    for byte in HEALTH[:10]:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)
    found = await answer(reader, writer)
    assert (found.status, found.code) == (408, "TIMEOUT")


async def test_a_client_that_breaks_off_leaves_no_trace(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        _, writer = await connect(client.url)
        writer.write(head(client.url, content_length="1000") + HEALTH)
        await writer.drain()
        writer.close()
        await asyncio.sleep(0.1)
    assert await client.ask("{ __typename }") == {"__typename": "Query"}
    assert [record for record in caplog.records if record.name != "httpx"] == []
