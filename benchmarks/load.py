"""A bounded load: one body over some keep-alive connections, as many requests as are answered.

python -m benchmarks.load URL CONNECTIONS SECONDS < body      prints requests a second
"""

import asyncio
import sys
import time
from urllib.parse import urlsplit


async def _drive(host: str, port: int, request: bytes, until: float) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    done = 0
    while time.perf_counter() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        done += 1
    writer.close()
    return done


async def load(url: str, connections: int, seconds: float, body: bytes) -> float:
    """Requests a second."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    request = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    started = time.perf_counter()
    counts = await asyncio.gather(
        *(_drive(parts.hostname, parts.port, request, started + seconds) for _ in range(connections))
    )
    return sum(counts) / (time.perf_counter() - started)


if __name__ == "__main__":
    print(asyncio.run(load(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.stdin.buffer.read())))
