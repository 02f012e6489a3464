"""`flowkeep tail`, run as a user would, against the real service.

A process takes more than a second to start: most of them are left to the long run.
"""

import asyncio
import os
import pty
import signal
import socket
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import orjson
import pytest
import pytest_asyncio

from db.engine import Database
from db.enums import ExecutionStatus, LogLevel
from db.writes.tokens import revoke_token
from db.writes.write import Write
from graph.auth.tokens import parse
from graph.commands.tail import Printer, Tail, Wanted
from graph.ids import Kind, encode
from tests.client import Client
from tests.commands import FLOWKEEP
from tests.factories import Factory
from tests.patience import PATIENCE
from tests.serving import serving, settings_of


class Tailing:
    """A running `flowkeep tail`."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def lines(self, number: int) -> list[str]:
        """The next lines it prints."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return [(await self.process.stdout.readline()).decode().rstrip("\n") for _ in range(number)]

    async def complaint(self) -> str:
        """The next line on standard error."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            return (await self.process.stderr.readline()).decode()

    async def end(self) -> tuple[int, list[str], str]:
        """Wait for it to end by itself: its exit code, the rest of its lines, and its complaints."""
        async with asyncio.timeout(PATIENCE):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        # A test that took the output into its own hands has it.
        return self.process.returncode, (out or b"").decode().splitlines(), err.decode()


class Tails:
    """Runs `flowkeep tail` at one service."""

    def __init__(self, stack: AsyncExitStack, url: str) -> None:
        self._stack = stack
        self._url = url

    async def __call__(
        self, execution: UUID | str, *options: str, url: str | None = None, **environment: str
    ) -> Tailing:
        """Start one; what still runs at the end of the test is killed."""
        name = execution if isinstance(execution, str) else encode(Kind.EXECUTION, execution)
        process = await asyncio.create_subprocess_exec(
            FLOWKEEP,
            "tail",
            name,
            *options,
            stdout=PIPE,
            stderr=PIPE,
            env={**os.environ, "FLOWKEEP_URL": url or self._url, **environment},
        )
        self._stack.push_async_callback(_kill, process)
        return Tailing(process)


async def _kill(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.communicate()


@pytest_asyncio.fixture
async def tail(client: Client) -> AsyncIterator[Tails]:
    """Starts `flowkeep tail` at this worker's service."""
    async with AsyncExitStack() as stack:
        yield Tails(stack, client.url)


async def append(client: Client, execution: UUID, *messages: str) -> None:
    logs = [{"message": message} for message in messages]
    await client.done("appendLogs", executionId=encode(Kind.EXECUTION, execution), entries=logs)


async def finish(client: Client, execution: UUID) -> None:
    await client.done("transitionExecution", executionId=encode(Kind.EXECUTION, execution), to="CANCELLED")


def messages(lines: list[str]) -> list[str]:
    return [line.rsplit("  ", 1)[1] for line in lines]


async def test_what_is_there_and_what_comes(tail: Tails, client: Client, make: Factory) -> None:
    execution = await make.execution()
    await make.steps(execution)
    await make.logs(execution, 2)
    await make.logs(execution, start=3, step_seq=1, level=LogLevel.WARN, message="two\n  lines")
    tailing = await tail(execution)
    assert await tailing.lines(4) == [
        "12:00:00.001 INFO  -  line 1",
        "12:00:00.002 INFO  -  line 2",
        "12:00:00.003 WARN  step1  two",
        "      lines",
    ]
    await append(client, execution, "it goes on")
    (line,) = await tailing.lines(1)
    assert line.endswith(" INFO  -  it goes on")
    tailing.process.send_signal(signal.SIGINT)
    assert await tailing.end() == (130, [], "")


@asynccontextmanager
async def restartable(worker_url: str) -> AsyncIterator[tuple[str, Callable[[], Any]]]:
    """A service on a port that is its own; its URL, and what restarts it after some seconds."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    settings = settings_of(worker_url)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(settings, port))

        @asynccontextmanager
        async def stopped() -> AsyncIterator[None]:
            await stack.aclose()
            yield
            await stack.enter_async_context(serving(settings, port))

        yield url, stopped


async def test_a_restart_loses_and_repeats_nothing(
    tail: Tails, client: Client, make: Factory, worker_url: str
) -> None:
    execution = await make.execution()
    async with restartable(worker_url) as (url, stopped):
        tailing = await tail(execution, "--until-end", url=url)
        await append(client, execution, "before")
        assert messages(await tailing.lines(1)) == ["before"]
        for number in range(2):
            async with stopped():
                assert "cut off" in await tailing.complaint()
                await append(client, execution, *(f"{number}.{entry}" for entry in range(3)))
            assert messages(await tailing.lines(3)) == [f"{number}.{entry}" for entry in range(3)]
        await append(client, execution, "after")
        await finish(client, execution)
        code, lines, complaints = await tailing.end()
        assert (code, messages(lines), complaints) == (0, ["after"], "")


class Collector(Printer):
    """Keeps the messages instead of printing them."""

    def __init__(self) -> None:
        super().__init__(events=False, as_json=False)
        self.messages: list[str] = []

    def show(self, cursor: str, item: dict[str, Any]) -> None:
        """Keep it."""
        self.messages.append(item["message"])


async def test_from_now_on_loses_nothing_though_nothing_came_before_the_cut(
    client: Client, make: Factory, worker_url: str
) -> None:
    execution = await make.execution()
    await append(client, execution, "before")
    wanted = Wanted(encode(Kind.EXECUTION, execution), None, None, events=False, now=True, until_end=True)
    collector = Collector()
    async with asyncio.timeout(PATIENCE), restartable(worker_url) as (url, stopped):
        tail = Tail(url, None, wanted, None, collector)
        following = asyncio.create_task(tail.run())
        while not tail.begun:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        async with stopped():
            await append(client, execution, "in between")
        await append(client, execution, "after")
        await finish(client, execution)
        await following
    assert collector.messages == ["in between", "after"]


async def test_json_has_everything_and_the_cursor(tail: Tails, client: Client, make: Factory) -> None:
    execution = await make.execution(status=ExecutionStatus.COMPLETED)
    await make.steps(execution)
    await make.logs(execution, 3, step_seq=1, fields={"a": 1})
    code, lines, _ = await (await tail(execution, "--json", "--until-end")).end()
    first, second, third = map(orjson.loads, lines)
    assert (code, first["seq"], third["seq"]) == (0, 1, 3)
    assert {name: first[name] for name in ("level", "message", "fields", "loggedAt", "step")} == {
        "level": "INFO",
        "message": "line 1",
        "fields": {"a": 1},
        "loggedAt": "2026-01-15T12:00:00.001000Z",
        "step": {"key": "step1", "attempt": 1},
    }
    rest = await (await tail(execution, "--until-end", "--after", second["cursor"])).end()
    assert rest == (0, ["12:00:00.003 INFO  step1  line 3"], "")
    assert await (await tail(execution, "--until-end", "--after", third["cursor"])).end() == (0, [], "")


@pytest.mark.slow
async def test_only_a_step_or_a_level(tail: Tails, make: Factory) -> None:
    execution = await make.execution(status=ExecutionStatus.FAILED)
    await make.steps(execution, 2)
    await make.logs(execution, 2, step_seq=1)
    await make.logs(execution, 2, start=3, step_seq=2, level=LogLevel.ERROR)
    await make.logs(execution, 2, start=5, step_seq=2)
    options = [("--step", "step1"), ("--min-level", "warn"), ("--step", "step2", "--min-level", "DEBUG")]
    runs = [await (await tail(execution, "--until-end", *given)).end() for given in options]
    assert [(code, messages(lines)) for code, lines, _ in runs] == [
        (0, ["line 1", "line 2"]),
        (0, ["line 3", "line 4"]),
        (0, ["line 3", "line 4", "line 5", "line 6"]),
    ]


@pytest.mark.slow
async def test_events_until_the_end(tail: Tails, client: Client, make: Factory) -> None:
    workflow = await make.workflow()
    made = await client.done("createExecution", workflowId=encode(Kind.WORKFLOW, workflow))
    tailing = await tail(made["execution"]["id"], "--events", "--until-end")
    (line,) = await tailing.lines(1)
    assert "EXECUTION_CREATED" in line
    await client.done("transitionExecution", executionId=made["execution"]["id"], to="CANCELLED")
    code, lines, _ = await tailing.end()
    assert (code, "CANCELLED" in lines[-1]) == (0, True)


@pytest.mark.slow
async def test_a_long_log_is_printed_whole(tail: Tails, make: Factory) -> None:
    execution = await make.execution(status=ExecutionStatus.COMPLETED)
    await make.logs(execution, 3_000)
    code, lines, _ = await (await tail(execution, "--until-end")).end()
    assert (code, messages(lines)) == (0, [f"line {seq}" for seq in range(1, 3_001)])


@pytest.mark.slow
@pytest.mark.parametrize("idle", [False, True])
async def test_a_closed_pipe_ends_quietly(tail: Tails, client: Client, make: Factory, idle: bool) -> None:
    execution = await make.execution()
    await make.logs(execution, 1 if idle else 2_000)
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        FLOWKEEP,
        *("tail", encode(Kind.EXECUTION, execution), "--url", client.url),
        stdout=writing,
        stderr=PIPE,
    )
    os.close(writing)
    assert await asyncio.to_thread(os.read, reading, 100)
    os.close(reading)
    assert await Tailing(process).end() == (0, [], "")


@pytest.mark.slow
@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=str)
async def test_colours_are_for_terminals(
    client: Client, make: Factory, environment: dict[str, str], coloured: bool
) -> None:
    execution = await make.execution(status=ExecutionStatus.COMPLETED)
    await make.logs(execution, level=LogLevel.ERROR, message="a\x1b[2Jb")
    outer, inner = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        FLOWKEEP,
        *("tail", encode(Kind.EXECUTION, execution), "--url", client.url, "--until-end"),
        stdout=inner,
        env={**os.environ, "TERM": "xterm", **environment},
    )
    os.close(inner)
    shown = await asyncio.to_thread(os.read, outer, 1000)
    os.close(outer)
    await process.wait()
    assert (b"\x1b[" in shown, b"a\\x1b[2Jb" in shown) == (coloured, True)


EVIL = "a\x1b[2J\x9b2J\u202eb\tc\n12:00:00.000 ERROR -  forged"
SAFE = ["12:00:00.001 INFO  -  a\\x1b[2J\\x9b2J\\u202eb\tc", "    12:00:00.000 ERROR -  forged"]


@pytest.mark.slow
async def test_a_message_does_not_drive_the_terminal_unless_asked(tail: Tails, make: Factory) -> None:
    execution = await make.execution(status=ExecutionStatus.COMPLETED)
    await make.logs(execution, message=EVIL)
    shown, raw, as_json = [
        (await (await tail(execution, "--until-end", *option)).end())[1]
        for option in ([], ["--raw"], ["--json"])
    ]
    assert (shown, "\n".join(raw)) == (SAFE, f"12:00:00.001 INFO  -  {EVIL}")
    assert ("\x9b" in as_json[0], orjson.loads(as_json[0])["message"]) == (False, EVIL)


@pytest.mark.slow
async def test_neither_does_what_is_told_of_events(tail: Tails, make: Factory) -> None:
    execution = await make.execution(status=ExecutionStatus.COMPLETED)
    await make.events(execution, actor=EVIL, changes={"name": {"after": EVIL}})
    _, (line,), _ = await (await tail(execution, "--until-end", "--events")).end()
    assert [character for character in line if not character.isprintable()] == ["\t"]


MISSING = encode(Kind.EXECUTION, UUID(int=7))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        ([MISSING], {}, f"no execution {MISSING}"),
        (["wf_1"], {}, "exec_"),
        ([MISSING, "--after", "x", "--now"], {}, "not both"),
        ([MISSING, "--events", "--step", "a"], {}, "--events has neither"),
        (
            [MISSING],
            {"FLOWKEEP_URL": "http://127.0.0.1:1/graphql"},
            "Connection refused. Is the service there",
        ),
        ([MISSING], {"FLOWKEEP_URL": "127.0.0.1:8000"}, "http://host:8000/graphql"),
        ([MISSING], {"FLOWKEEP_TOKEN": "wrong"}, "refuses"),
    ],
    ids=str,
)
async def test_what_a_user_can_mend_is_a_sentence(
    tail: Tails, arguments: list[str], environment: dict[str, str], message: str
) -> None:
    code, lines, complaints = await (await tail(*arguments, **environment)).end()
    assert (code, lines, message in complaints, len(complaints.splitlines())) == (1, [], True, 1), complaints


@pytest.mark.slow
async def test_a_cursor_of_something_else_is_a_sentence(tail: Tails, make: Factory) -> None:
    code, _, complaints = await (await tail(await make.execution(), "--after", "x")).end()
    assert (code, "cursor" in complaints, "Traceback" in complaints) == (1, True, False)


@pytest.mark.slow
async def test_a_token_that_is_revoked_ends_it(
    tail: Tails, make: Factory, database: Database, worker_url: str
) -> None:
    execution = await make.execution()
    await make.logs(execution)
    token = await make.token()
    async with serving(settings_of(worker_url, auth="required")) as url:
        refused = await (await tail(execution, url=url)).end()
        tailing = await tail(execution, url=url, FLOWKEEP_TOKEN=token)
        assert messages(await tailing.lines(1)) == ["line 1"]
        await revoke_token(database, Write("test", b""), parse(token)[0])
        code, _, complaints = await tailing.end()
    assert (refused[0], refused[1], "refuses" in refused[2]) == (1, [], True)
    assert (code, "revoked" in complaints, len(complaints.splitlines())) == (1, True, 1)


@pytest.mark.slow
async def test_help_teaches(tail: Tails) -> None:
    code, lines, _ = await (await tail("--help", COLUMNS="200", TERM="dumb")).end()
    shown = "\n".join(lines)
    assert code == 0
    assert all(
        taught in shown for taught in ("flowkeep tail exec_", "--until-end --json >", "Prefer the variable")
    )
