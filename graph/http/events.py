"""Server-sent events: the distinct connections mode of the graphql-sse protocol.

Each answer is an event `next`, and `complete` says that there will be no more. What is cut short ends without
it: by a last `next` with the errors, and clients come again. While nothing happens a comment tells the
server's lag, so that both sides notice when the other has gone.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

from starlette.types import Send

from graph.auth.errors import Unauthenticated
from graph.http.negotiation import EVENT_STREAM

CHECK_SECONDS = 1.0

_HEADERS = [
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),  # or nginx would collect them
]


async def send_event(send: Send, answer: bytes) -> None:
    """Send the only answer of a query or a mutation."""
    await _start(send)
    await _next(send, answer)
    await _complete(send)


async def send_events(
    send: Send,
    answers: AsyncGenerator[str, None],
    may_stay: Callable[[], Awaitable[bool]],
    failed: Callable[[BaseException], bytes],
    comment: Callable[[], str],
    heartbeat: float,
) -> None:
    """Send answers until they end, and a comment after each `heartbeat` of silent seconds.

    However busy it is, every second it asks `may_stay`, and ends here when not; an error of what makes the
    answers ends them too. `failed` makes the last answer, which says so. Sending waits for a slow reader.
    """
    await _start(send)
    await _chunk(send, b":\n\n")
    checked_at = sent_at = time.monotonic()
    coming = asyncio.ensure_future(anext(answers, None))
    try:
        while True:
            await asyncio.wait({coming}, timeout=min(CHECK_SECONDS, heartbeat))
            now = time.monotonic()
            if now - checked_at >= CHECK_SECONDS:
                checked_at = now
                if not await may_stay():
                    await _cut_short(send, failed(Unauthenticated("The token has expired or was revoked.")))
                    return
            if coming.done():
                if (error := coming.exception()) is not None:
                    await _cut_short(send, failed(error))
                    return
                text = coming.result()
                if text is None:
                    break
                await _next(send, text.encode())
                sent_at = now
                coming = asyncio.ensure_future(anext(answers, None))
            elif now - sent_at >= heartbeat:
                await _chunk(send, f": {comment()}\n\n".encode())
                sent_at = now
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
    await _complete(send)


async def _cut_short(send: Send, answer: bytes) -> None:
    await _next(send, answer)
    await send({"type": "http.response.body", "body": b""})


async def _start(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})


async def _next(send: Send, answer: bytes) -> None:
    await _chunk(send, b"event: next\ndata: %b\n\n" % answer)


async def _complete(send: Send) -> None:
    await send({"type": "http.response.body", "body": b"event: complete\ndata:\n\n"})


async def _chunk(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})
