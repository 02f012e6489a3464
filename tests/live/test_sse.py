"""Server-sent events: the distinct connections mode of the graphql-sse protocol."""

from typing import Any

import orjson
import pytest

from tests.factories import Factory
from tests.live.conftest import Live, Write
from tests.live.documents import FEEDS, LOGS
from tests.live.sse import EVENT_STREAM, streamed


async def test_items_are_events(live: Live, execution_id: str, write: Write) -> None:
    await write(FEEDS["logs"], 1, 2)
    async with streamed(live.url, LOGS, id=execution_id) as events:
        items = await events.items(2)
    assert [item["entry"]["seq"] for item in items] == [1, 2]


async def test_the_headers_keep_it_flowing(live: Live, execution_id: str) -> None:
    async with streamed(live.url, LOGS, id=execution_id) as events:
        headers = events.response.headers
    assert (headers["content-type"], headers["cache-control"], headers["x-accel-buffering"]) == (
        "text/event-stream; charset=utf-8",
        "no-store",
        "no",
    )


async def test_it_goes_on_after_a_cursor(live: Live, execution_id: str, write: Write) -> None:
    await write(FEEDS["logs"], 1, 3)
    async with streamed(live.url, LOGS, id=execution_id) as events:
        (first,) = await events.items(1)
    async with streamed(live.url, LOGS, id=execution_id, after=first["cursor"]) as events:
        assert [item["entry"]["seq"] for item in await events.items(2)] == [2, 3]


async def test_the_end_is_an_event(live: Live, make: Factory) -> None:
    key = f"exec_{(await make.execution(status='COMPLETED')).hex}"
    async with streamed(live.url, LOGS, id=key) as events:
        await live.client.done("deleteExecution", executionId=key)
        assert [await events.event(), await events.event()] == [("complete", None), ("", None)]


async def test_a_get_follows_too(live: Live, execution_id: str, write: Write) -> None:
    await write(FEEDS["logs"], 1, 1)
    asked = {"query": LOGS, "variables": orjson.dumps({"id": execution_id}).decode()}
    headers = EVENT_STREAM | {"GraphQL-Require-Preflight": "1"}
    async with live.client.http.stream("GET", live.url, params=asked, headers=headers) as response:
        lines = response.aiter_lines()
        while not (line := await anext(lines)).startswith("event"):
            pass
    assert line == "event: next"


ONCE = {
    "query": "{ __typename }",
    "mutation": 'mutation { deleteExecution(input: {executionId: "x"}) { __typename } }',
}


@pytest.mark.parametrize("name", ONCE)
async def test_other_operations_are_one_answer(live: Live, name: str) -> None:
    async with streamed(live.url, ONCE[name]) as events:
        kinds = [(await events.event())[0] for _ in range(3)]
    assert kinds == ["next", "complete", ""]


async def test_json_goes_before_events_for_a_query(live: Live) -> None:
    headers = {"Accept": "text/event-stream, application/json"}
    response = await live.client.http.post(live.url, json={"query": "{ __typename }"}, headers=headers)
    assert response.json() == {"data": {"__typename": "Query"}}


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no document": ({}, 400, "BAD_USER_INPUT"),
    "does not parse": ({"query": "subscription {"}, 400, "GRAPHQL_PARSE_FAILED"),
    "not valid": ({"query": "subscription { nope }"}, 400, "GRAPHQL_VALIDATION_FAILED"),
    "no variable": ({"query": LOGS}, 400, "BAD_USER_INPUT"),
    "not found": ({"query": LOGS, "variables": {"id": f"exec_{'0' * 32}"}}, 400, "NOT_FOUND"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_can_not_start_is_a_refusal_in_json(live: Live, name: str) -> None:
    body, status, code = REFUSED[name]
    response = await live.client.http.post(live.url, json=body, headers=EVENT_STREAM)
    found = response.json()["errors"][0]["extensions"]["code"]
    assert (response.status_code, found) == (status, code)


async def test_without_events_a_subscription_is_refused(live: Live, execution_id: str) -> None:
    asked = {"query": LOGS, "variables": {"id": execution_id}}
    response = await live.client.http.post(live.url, json=asked)
    assert (response.status_code, "text/event-stream" in response.text) == (400, True)
