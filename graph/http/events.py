"""Server-sent events: the distinct connections mode of the graphql-sse protocol.

Each answer is an event `next`, and `complete` ends them. While nothing happens a comment tells the server's
lag, so that both sides notice when the other has gone.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

from starlette.types import Send

from graph.http.negotiation import EVENT_STREAM

_HEADERS = [
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),  # or nginx would collect them
]


async def send_events(
    send: Send,
    answers: AsyncGenerator[str, None],
    sign_of_life: Callable[[], Awaitable[str | None]],
    seconds: float,
) -> None:
    """Send answers until they end, and a sign of life after each so many silent seconds.

    `sign_of_life` gives the comment, or None to end here. Sending waits for a slow reader.
    """
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
    coming = asyncio.ensure_future(anext(answers, None))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=seconds)
            if not done:
                comment = await sign_of_life()
                if comment is None:
                    break
                await _chunk(send, f": {comment}\n\n")
                continue
            text = coming.result()
            if text is None:
                break
            await _chunk(send, f"event: next\ndata: {text}\n\n")
            coming = asyncio.ensure_future(anext(answers, None))
    finally:
        coming.cancel()
        with suppress(asyncio.CancelledError):
            await coming
        await answers.aclose()
    await send({"type": "http.response.body", "body": b"event: complete\ndata:\n\n"})


async def _chunk(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
