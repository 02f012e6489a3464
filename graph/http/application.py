"""The application: one address that most requests are for, and everything else."""

from starlette.applications import Starlette
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.http.endpoint import answer_unexpected


class Application(Starlette):
    """Starlette's, but for requests to one address: these go to it past routes and middleware.

    Where there is middleware of the settings' making, such as CORS, they take it as all others do.
    """

    def go_straight(self, address: str, front: ASGIApp) -> None:
        """Send the HTTP requests to this address there."""
        self._address = address
        self._front = ServerErrorMiddleware(front, handler=answer_unexpected)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] == self._address and not self.user_middleware:
            scope["app"] = self
            await self._front(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
