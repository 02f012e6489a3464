"""What goes around the endpoint: every request is watched, and every answer has its request's id."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.http.fields import fields_of
from graph.telemetry.requests import REQUEST_ID, Requests

_HEADER = REQUEST_ID.encode()


class Observed:
    """An ASGI application whose HTTP requests are watched."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        name = f"{scope['method']} {scope['path']}"
        with self._requests.request("http", fields_of(scope), name) as seen:

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    seen.status = message["status"]
                    message["headers"] = [*message.get("headers", ()), (_HEADER, seen.id.encode())]
                await send(message)

            await self._app(scope, receive, sending)
