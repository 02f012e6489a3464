"""Floors: bare Starlette routes that parse the body, one of them with the small read's two selects."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def serve_bare() -> None:
    """Serve what parses a body and answers; print the address."""

    async def answer(request: Request) -> Response:
        orjson.loads(await request.body())
        return Response(orjson.dumps({"data": {"__typename": "Query"}}), media_type="application/json")

    await _serve(answer)


async def serve(dsn: str, key: UUID) -> None:
    """Serve on a free port and print the address."""
    async with asyncpg.create_pool(dsn, min_size=10, max_size=10) as pool:

        async def read(request: Request) -> Response:
            await request.body()
            async with pool.acquire() as connection:
                execution = await connection.fetchrow(
                    "SELECT id, status, created_at FROM executions WHERE id = $1", key
                )
                steps = await connection.fetch(
                    "SELECT execution_id, seq, key, status, started_at, completed_at FROM steps "
                    "WHERE execution_id = $1 ORDER BY seq LIMIT 11",
                    key,
                )
            nodes = [
                {
                    "id": f"step_{row['execution_id'].hex}_{row['seq']}",
                    "key": row["key"],
                    "status": row["status"],
                    "startedAt": row["started_at"],
                    "completedAt": row["completed_at"],
                }
                for row in steps[:10]
            ]
            answer = {
                "id": f"exec_{execution['id'].hex}",
                "status": execution["status"],
                "createdAt": execution["created_at"],
                "steps": {"nodes": nodes},
            }
            return Response(orjson.dumps({"data": {"execution": answer}}), media_type="application/json")

        await _serve(read)


async def _serve(route: Callable[[Request], Awaitable[Response]]) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
    app = Starlette(routes=[Route("/", route, methods=["POST"])])
    await uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).serve([listener])


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], UUID(sys.argv[2])) if len(sys.argv) > 1 else serve_bare())
