"""What goes around the endpoint: every request is recorded, and every answer has its request's id."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.http.fields import fields_of
from graph.telemetry.requests import REQUEST_ID, RequestTelemetry

_HEADER = REQUEST_ID.encode()


class RequestLog:
    """An ASGI application whose HTTP requests are recorded."""

    def __init__(self, app: ASGIApp, requests: RequestTelemetry) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        name = f"{scope['method']} {scope['path']}"
        with self._requests.request("http", fields_of(scope), name) as record:

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    record.status = message["status"]
                    message["headers"] = [*message.get("headers", ()), (_HEADER, record.id.encode())]
                await send(message)

            await self._app(scope, receive, sending)
