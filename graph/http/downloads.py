"""An execution's log as text, and all of it as JSON lines or as a bundle, for who may READ.

Log and lines are streamed page by page; a bundle shows one moment, so it is made first and then sent. A
caller has one made at a time, or those would take all of the connections that are theirs.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID
from weakref import WeakValueDictionary

import orjson
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from db.engine import Database
from db.enums import LogLevel, Scope
from db.errors import FlowkeepError, Occupied
from db.queries import filters
from db.queries.batch import KEY_NUMBER
from db.queries.pages import Row, Window, fetch_by_key, fetch_pages
from db.queries.predicates import Filter
from db.queries.sources import (
    CHECKPOINTS_OF_EXECUTION,
    EVENTS_OF_EXECUTION,
    EXECUTIONS,
    LOGS_OF_EXECUTION,
    POINTS_OF_EXECUTION,
    STEPS,
    STEPS_OF_EXECUTION,
    Relation,
)
from graph.auth.authenticator import Authenticator
from graph.auth.errors import Forbidden, Unauthenticated
from graph.auth.principals import ANONYMOUS
from graph.errors import Rejection
from graph.http.bodies import ClientGone
from graph.http.bundles import made
from graph.http.cancellation import Cancellable
from graph.http.negotiation import require_own_host, require_preflight, require_same_site
from graph.ids import Kind, decode_as, encode
from graph.operations import Operations
from graph.settings import Settings
from graph.telemetry.record import note_code, note_download
from graph.visible import visible_lines

_PAGE = 1_000
_NDJSON = "application/x-ndjson"
_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
# What an execution is made of, in the order in which it is written.
_PARTS: tuple[tuple[str, Relation, Filter], ...] = (
    ("step", STEPS_OF_EXECUTION, filters.StepFilter()),
    ("checkpoint", CHECKPOINTS_OF_EXECUTION, filters.CheckpointFilter()),
    ("event", EVENTS_OF_EXECUTION, filters.EventFilter()),
    ("metric", POINTS_OF_EXECUTION, filters.MetricFilter()),
    ("log", LOGS_OF_EXECUTION, filters.LogFilter()),
)
_JSON = {"input", "output", "result", "error", "attributes", "metrics", "changes", "data", "fields"}
_WITHOUT = {KEY_NUMBER, "execution_id"}

_STATUS = {"NOT_FOUND": 404, "BAD_USER_INPUT": 400}

# What is sent for an execution to a caller, and how many bytes that is where it is known.
Content = Callable[[UUID, str], Awaitable[tuple[AsyncIterator[bytes], int | None]]]


class Downloads:
    """Answers with what belongs to one execution; each page is a session of its own."""

    def __init__(
        self, database: Database, operations: Operations, authenticator: Authenticator, settings: Settings
    ) -> None:
        self._database = database
        self._operations = operations
        self._authenticator = authenticator
        self._settings = settings
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def routes(self, *around: Middleware) -> list[Route]:
        """Where they are, and what goes around each."""
        answers = {
            "log.txt": self._log,
            "execution.ndjson": self._execution,
            "bundle.ndjson": self._bundle,
            "bundle.ndjson.zst": self._packed_bundle,
        }
        return [
            Route(f"/downloads/{{id}}/{name}", answer, methods=["GET"], middleware=around)
            for name, answer in answers.items()
        ]

    async def _log(self, request: Request) -> Response:
        return await self._answer(request, _streamed(self._text), "text/plain", "log.txt")

    async def _execution(self, request: Request) -> Response:
        return await self._answer(request, _streamed(self._lines), _NDJSON, "execution.ndjson")

    async def _bundle(self, request: Request) -> Response:
        return await self._answer(request, self._made(packed=False), _NDJSON, "bundle.ndjson")

    async def _packed_bundle(self, request: Request) -> Response:
        return await self._answer(request, self._made(packed=True), "application/zstd", "bundle.ndjson.zst")

    def _made(self, *, packed: bool) -> Content:
        async def content(execution: UUID, caller: str) -> tuple[AsyncIterator[bytes], int | None]:
            async with self._turn(caller):
                bundle = await made(self._database, execution, caller)
            return bundle.chunks(packed=packed), bundle.packed_size if packed else bundle.size

        return content

    @asynccontextmanager
    async def _turn(self, caller: str) -> AsyncIterator[None]:
        lock = self._making.setdefault(caller, asyncio.Lock())
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                await lock.acquire()
        except TimeoutError:
            raise Occupied("Another bundle is being made for this caller; try again when it is.") from None
        try:
            yield
        finally:
            lock.release()

    async def _answer(self, request: Request, content: Content, media_type: str, name: str) -> Response:
        try:
            key, caller = await self._allowed(request, name)
            async with Cancellable(request.receive, None, stoppable=True):
                chunks, size = await content(key, caller)
        except ClientGone:
            return Response(status_code=499)  # for the log: nobody hears it
        except Unauthenticated as error:
            return _refusal(error, error.code, 401, {"www-authenticate": "Bearer"})
        except Rejection as rejection:
            return _refusal(rejection, rejection.code, rejection.status, rejection.headers)
        except FlowkeepError as error:
            return _refusal(error, error.code, _STATUS.get(error.code, 503))
        kept = f'attachment; filename="{encode(Kind.EXECUTION, key)}-{name}"'
        headers = {**_HEADERS, "content-disposition": kept}
        if size is not None:
            headers["content-length"] = str(size)
        return StreamingResponse(chunks, headers=headers, media_type=media_type)

    async def _allowed(self, request: Request, name: str) -> tuple[UUID, str]:
        """The keys of the execution and of the caller; raises where it is not there, or not for them."""
        require_same_site(request.headers, self._settings.cors_origins)
        require_preflight(request.headers)
        principal = await self._authenticator.authenticate(request.headers.get("authorization"))
        if principal is ANONYMOUS:
            require_own_host(request.headers)
        if not principal.may(Scope.READ):
            raise Rejection.of(str(Forbidden(Scope.READ)), "FORBIDDEN")
        note_download(name, principal.name)
        self._operations.count(principal)
        key = decode_as(Kind.EXECUTION, request.path_params["id"])[0]
        if await self._row(key, principal.key) is None:
            raise Rejection.of("There is no such execution.", "NOT_FOUND", 404)
        return key, principal.key

    async def _row(self, execution: UUID, caller: str) -> Row | None:
        async with self._database.reading(caller) as connection:
            (row,) = await fetch_by_key(connection, EXECUTIONS, [(execution,)])
        return row

    async def _pages(
        self, execution: UUID, caller: str, relation: Relation, narrowed: Filter
    ) -> AsyncIterator[list[Row]]:
        window = Window(relation.source.order("SEQ"), False, _PAGE)
        more = True
        while more:
            async with self._database.reading(caller) as connection:
                (page,) = await fetch_pages(connection, relation, [(execution,)], narrowed, window)
            if page.rows:
                yield page.rows
                window = replace(window, after=window.place(page.rows[-1]))
            more = page.more

    async def _text(self, execution: UUID, caller: str) -> AsyncIterator[bytes]:
        """A line for each entry: when, how severe, of which step, and what, with escapes shown."""
        keys: dict[int | None, str] = {None: "-"}
        async for rows in self._pages(execution, caller, LOGS_OF_EXECUTION, filters.LogFilter()):
            unknown = {row["step_seq"] for row in rows} - keys.keys()
            if unknown:
                async with self._database.reading(caller) as connection:
                    steps = await fetch_by_key(connection, STEPS, [(execution, seq) for seq in unknown])
                keys |= {step["seq"]: step["key"] for step in steps if step is not None}
            yield "".join(_line(row, keys.get(row["step_seq"], "-")) for row in rows).encode()

    async def _lines(self, execution: UUID, caller: str) -> AsyncIterator[bytes]:
        """A JSON object for the execution, then one for each thing that belongs to it."""
        row = await self._row(execution, caller)
        if row is not None:
            yield _object("execution", row)
        for kind, relation, narrowed in _PARTS:
            async for rows in self._pages(execution, caller, relation, narrowed):
                yield b"".join(_object(kind, row) for row in rows)


def _streamed(stream: Callable[[UUID, str], AsyncIterator[bytes]]) -> Content:
    async def content(execution: UUID, caller: str) -> tuple[AsyncIterator[bytes], int | None]:
        return stream(execution, caller), None

    return content


def _refusal(error: Exception, code: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    note_code(code)
    return Response(f"{error}\n", status, {**_HEADERS, **(headers or {})}, "text/plain")


def _line(row: Row, step: str) -> str:
    level = LogLevel(row["level"]).name
    return (
        f"{row['logged_at'].isoformat()} {level:<5} {visible_lines(step)} {visible_lines(row['message'])}\n"
    )


def _object(kind: str, row: Row) -> bytes:
    columns = {
        _camel(name): orjson.Fragment(value) if name in _JSON and value is not None else value
        for name, value in row.items()
        if name not in _WITHOUT
    }
    # The driver's UUIDs are a type of their own.
    return orjson.dumps({"record": kind, **columns}, str, orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
