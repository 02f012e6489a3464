"""`flowkeep tail`: the log of an execution as it is written, whatever happens to the connection."""

import asyncio
import os
import random
import select
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style

from db.enums import TERMINAL_EXECUTION, EventType
from db.errors import InvalidInput, NotFound
from graph.commands.environment import find_service
from graph.commands.following import Cut, Refused, Socket, connected
from graph.commands.terminal import say
from graph.ids import Kind, decode_as
from graph.visible import json_text, visible, visible_lines

_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_LOOK_FOR_READER = 0.5
_INTERRUPTED = 130

# Where its feeds stand, in cursors that are good for lists and subscriptions alike.
_PLACE = """query ($id: ID!) { execution(id: $id) {
  logs(last: 1) { pageInfo { endCursor } }
  events(last: 1) { pageInfo { endCursor } }
} }"""
_LOGS = """subscription ($id: ID!, $after: String, $stepKey: String, $minLevel: LogLevel) {
  followed: executionLogs(executionId: $id, after: $after, stepKey: $stepKey, minLevel: $minLevel) {
    cursor item: entry { seq level message fields loggedAt recordedAt step { key attempt } }
  }
}"""
_EVENTS = """subscription ($id: ID!, $after: String) {
  followed: executionEvents(executionId: $id, after: $after) {
    cursor item: event { seq type actor at changes }
  }
}"""
_TURNS = """subscription ($id: ID!, $after: String) {
  followed: executionEvents(executionId: $id, after: $after) { event { type } }
}"""
_LOGS_LEFT = """query ($id: ID!, $after: String, $filter: LogFilter) { execution(id: $id) {
  status left: logs(last: 1, after: $after, filter: $filter) { nodes { seq } }
} }"""
_EVENTS_LEFT = """query ($id: ID!, $after: String) { execution(id: $id) {
  status left: events(last: 1, after: $after) { nodes { seq } }
} }"""

_COLOURS = {"DEBUG": "dim", "WARN": "yellow", "ERROR": "bold red"}


def tail(
    execution: Annotated[str, typer.Argument(help="Id of the execution (exec_…).", show_default=False)],
    url: Annotated[
        str | None,
        typer.Option(
            help="Where the service is (FLOWKEEP_URL); else where FLOWKEEP_HOST and FLOWKEEP_PORT say.",
            show_default=False,
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            help="A token with the scope READ, where one is needed. Prefer the variable FLOWKEEP_TOKEN: "
            "others on this machine can see the options of a command.",
            show_default=False,
        ),
    ] = None,
    step: Annotated[
        str | None,
        typer.Option(help="Only what the step with this key logs, in any attempt.", show_default=False),
    ] = None,
    min_level: Annotated[
        Literal["DEBUG", "INFO", "WARN", "ERROR"] | None,
        typer.Option(
            case_sensitive=False, help="Only this level and what is more severe.", show_default=False
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(help="Only what comes after this cursor, as --json prints it.", show_default=False),
    ] = None,
    now: Annotated[bool, typer.Option("--now", help="Only what comes from now on.")] = False,
    until_end: Annotated[
        bool, typer.Option("--until-end", help="Stop once the execution has ended and all was printed.")
    ] = False,
    events: Annotated[
        bool, typer.Option("--events", help="Follow the execution's history instead of its log.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, each with its cursor.")
    ] = False,
    raw: Annotated[
        bool,
        typer.Option(
            "--raw",
            help="Print messages as they are. Without it escape sequences and the like are shown as visible "
            "text: they could drive the terminal.",
        ),
    ] = False,
) -> None:
    """Print the log of an execution, from its beginning and then as it is written, until Ctrl-C.

    When the connection is cut, by a restart of the service say, it goes on by itself where it stopped:
    nothing is lost, nothing comes twice. Times are UTC. The further lines of a message are indented.

        flowkeep tail exec_019cac4615007b51ab3711b6870580fc --min-level WARN

    A script that waits for an execution and keeps its log:

        flowkeep tail exec_019cac4615007b51ab3711b6870580fc --until-end --json > nightly.jsonl
    """
    decode_as(Kind.EXECUTION, execution)
    if after is not None and now:
        raise InvalidInput("Give either --after or --now, not both.")
    if events and (step is not None or min_level is not None):
        raise InvalidInput("--step and --min-level narrow the log; --events has neither.")
    wanted = Wanted(execution, step, min_level, events, now, until_end)
    printer = Printer(events=events, as_json=as_json, raw=raw)
    service = find_service(url, token)
    try:
        asyncio.run(_while_read(Tail(service.url, service.token, wanted, after, printer)))
    except KeyboardInterrupt as interrupt:
        raise typer.Exit(_INTERRUPTED) from interrupt
    except BrokenPipeError:
        # Whoever read has had enough. What Python still holds must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be followed, and for how long."""

    execution: str
    step: str | None
    min_level: str | None
    events: bool
    now: bool
    until_end: bool

    @property
    def narrowed(self) -> dict[str, str]:
        """The filter, by the names of the API."""
        given = {"stepKey": self.step, "minLevel": self.min_level}
        return {name: value for name, value in given.items() if value is not None}


class Printer:
    """Writes items to standard output, each at once."""

    def __init__(self, *, events: bool, as_json: bool, raw: bool = False) -> None:
        self._line = _event_line if events else self._log_line
        self._as_json = as_json
        self._raw = raw
        console = Console()  # knows terminals, NO_COLOR and their like
        self._coloured = console.color_system is not None and not console.no_color

    def show(self, cursor: str, item: dict[str, Any]) -> None:
        """Print an item; raises `BrokenPipeError` when nobody reads any more."""
        if self._as_json:
            written = json_text({"cursor": cursor, **item})
        else:
            written = self._line(item).encode(sys.stdout.encoding or "utf-8", errors="replace")
        sys.stdout.buffer.write(written + b"\n")
        sys.stdout.buffer.flush()

    def _log_line(self, entry: Mapping[str, Any]) -> str:
        level = f"{entry['level']:<5}"
        if self._coloured and entry["level"] in _COLOURS:
            style = Style.parse(_COLOURS[entry["level"]])
            level = style.render(level, color_system=ColorSystem.STANDARD)
        step = entry["step"]["key"] if entry["step"] else "-"
        message = entry["message"] if self._raw else visible_lines(entry["message"])
        return f"{_clock(entry['loggedAt'])} {level} {visible(step)}  {message}"


class Tail:
    """Follows one execution over as many connections as it takes; `begun` once it knows where it stands."""

    def __init__(
        self, url: str, token: str | None, wanted: Wanted, after: str | None, printer: Printer
    ) -> None:
        self._url = url
        self._token = token
        self._wanted = wanted
        self._printer = printer
        self._cursor = after
        self._seq = 0
        self._last: int | None = None
        self.begun = False
        self._told = False
        self._looks = 0

    async def run(self) -> None:
        """Until the end that was asked for; raises `Refused`, or `NotFound`."""
        pause = _SHORTEST_PAUSE
        while True:
            since = time.monotonic()
            try:
                async with connected(self._url, self._token) as socket:
                    await self._follow(socket)
                    return
            except Cut as cut:
                self._tell(cut)
            if time.monotonic() - since >= _LONGEST_PAUSE:
                pause = _SHORTEST_PAUSE
            # Not all at once, when a service with many readers comes back.
            await asyncio.sleep(pause * random.uniform(0.7, 1.0))
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _tell(self, cut: Cut) -> None:
        if not self.begun:
            raise Refused(
                f"Can't follow at {self._url}: {cut}. Is the service there (`flowkeep serve`)? "
                "Another one can be named with --url."
            ) from cut
        if not self._told:
            say(f"flowkeep: cut off ({cut}); this goes on when {self._url} is back.", err=True)
        self._told = True

    async def _follow(self, socket: Socket) -> None:
        await socket.ask("place", _PLACE, {"id": self._wanted.execution})
        while self._last is None or self._seq < self._last:
            name, data = await socket.answer()
            match name:
                case "place":
                    await self._begin(socket, self._existing(data))
                case "items":
                    followed = data["followed"]
                    self._printer.show(followed["cursor"], followed["item"])
                    self._cursor, self._seq = followed["cursor"], followed["item"]["seq"]
                case "turns":
                    if data["followed"]["event"]["type"] == EventType.STATUS_CHANGED:
                        await self._look(socket)
                case _:
                    found = self._existing(data)
                    ended = found["status"] in TERMINAL_EXECUTION
                    self._last = (
                        max((row["seq"] for row in found["left"]["nodes"]), default=0) if ended else None
                    )

    async def _begin(self, socket: Socket, place: Mapping[str, Any]) -> None:
        wanted = self._wanted
        ends = {name: place[name]["pageInfo"]["endCursor"] for name in ("logs", "events")}
        if wanted.now and not self.begun:
            # By a cursor, so that what comes while the connection is cut is not lost.
            self._cursor = ends["events" if wanted.events else "logs"]
        self.begun, self._told = True, False
        variables = {"id": wanted.execution, "after": self._cursor, **wanted.narrowed}
        await socket.follow("items", _EVENTS if wanted.events else _LOGS, variables)
        if wanted.until_end:
            # In this order no end can slip through: what the look misses is an event after that cursor.
            await socket.follow("turns", _TURNS, {"id": wanted.execution, "after": ends["events"]})
            await self._look(socket)

    async def _look(self, socket: Socket) -> None:
        """Ask whether the execution has ended, and what is there that was not printed."""
        self._looks += 1
        variables = {"id": self._wanted.execution, "after": self._cursor}
        if self._wanted.events:
            await socket.ask(f"left {self._looks}", _EVENTS_LEFT, variables)
        else:
            filter = self._wanted.narrowed
            await socket.ask(f"left {self._looks}", _LOGS_LEFT, {**variables, "filter": filter})

    def _existing(self, data: Mapping[str, Any]) -> dict[str, Any]:
        if data["execution"] is None:
            raise NotFound("execution", self._wanted.execution)
        found: dict[str, Any] = data["execution"]
        return found


async def _while_read(tail: Tail) -> None:
    """Follow as long as somebody reads: a pipe that is closed between two items is noticed too."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)  # errors and hang-ups are always told
    following = asyncio.create_task(tail.run())
    try:
        while not following.done() and not output.poll(0):
            await asyncio.wait({following}, timeout=_LOOK_FOR_READER)
        if following.done():
            following.result()
    finally:
        following.cancel()
        await asyncio.wait({following})


def _event_line(event: Mapping[str, Any]) -> str:
    changes = json_text(event["changes"]).decode()
    return f"{_clock(event['at'])} {visible(event['type'])} {visible(event['actor'])}  {changes}"


def _clock(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]
