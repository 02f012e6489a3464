"""Writers that remember what they were told, and what the database must therefore hold."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
from sqlalchemy.engine import make_url

from graph.ids import Kind, decode_as

SAVE = """mutation ($input: SaveStateInput!) { answer: saveState(input: $input) {
  __typename ... on SaveStatePayload { state { version } } } }"""
LOG = """mutation ($input: AppendLogsInput!) { answer: appendLogs(input: $input) {
  __typename ... on AppendLogsPayload { firstSeq lastSeq } } }"""
COMMIT = """mutation ($input: CommitStepInput!) { answer: commitStep(input: $input) {
  __typename ... on CommitStepPayload { step { seq } state { version } checkpoint { seq } } } }"""

Answer = dict[str, Any]


@dataclass
class Write:
    """One write: what it is called in the database, what was sent, and the answer once there was one."""

    name: str
    document: str
    given: dict[str, Any]
    messages: list[str] = field(default_factory=list)
    answer: Answer | None = None
    sent: int = 0


def save(execution: str, name: str) -> Write:
    """Save one variable."""
    return Write(name, SAVE, {"executionId": execution, "variablesPatch": {name: name}})


def log(execution: str, name: str) -> Write:
    """Append three lines."""
    messages = [f"{name} {number}" for number in range(3)]
    return Write(
        name, LOG, {"executionId": execution, "entries": [{"message": text} for text in messages]}, messages
    )


def commit(execution: str, name: str) -> Write:
    """Commit a step with a variable, a checkpoint and two lines."""
    messages = [f"{name} {number}" for number in range(2)]
    parts = {"state": {"variablesPatch": {name: name}}, "checkpoint": {"label": name}}
    lines = [{"message": text} for text in messages]
    step = {"key": name, "output": name}
    return Write(name, COMMIT, {"executionId": execution, "step": step, "logs": lines, **parts}, messages)


KINDS: tuple[Callable[[str, str], Write], ...] = (save, log, commit)


class Writer:
    """Sends writes until each is answered, the same one under the same key; keeps the refusals' codes."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url = url
        self._http = http
        self.writes: list[Write] = []
        self.codes: set[str] = set()

    async def write(self, write: Write, *, keyed: bool = True) -> None:
        """Send a write until it is answered; one without a key only once."""
        self.writes.append(write)
        key = {"idempotencyKey": str(uuid4())} if keyed else {}
        body = {"query": write.document, "variables": {"input": {**write.given, **key}}}
        while write.answer is None:
            write.sent += 1
            reply = (await self._http.post(self.url, json=body)).json()
            if "errors" not in reply:
                write.answer = reply["data"]["answer"]
            else:
                self.codes |= {error["extensions"]["code"] for error in reply["errors"]}
                if not keyed:
                    return
                await asyncio.sleep(0.05)

    async def keep_on(self, execution: str, name: str, stopped: asyncio.Event) -> None:
        """Write one thing after the other until told to stop."""
        number = 0
        while not stopped.is_set():
            await self.write(KINDS[number % len(KINDS)](execution, f"{name}-{number}"))
            number += 1


@dataclass(frozen=True)
class Kept:
    """What the database holds of an execution."""

    counters: dict[str, int]
    version: int
    variables: list[tuple[str, int]]
    logs: list[tuple[int, str]]
    steps: list[tuple[str, int]]
    checkpoints: list[tuple[str, int, int]]
    events: list[int]


async def kept(database_url: str, execution: str) -> Kept:
    """Read everything of an execution past the service."""
    key = decode_as(Kind.EXECUTION, execution)[0]
    plain = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)

    async def rows(columns: str, table: str, order: str, also: str = "") -> list[Any]:
        found = await connection.fetch(
            f"SELECT {columns} FROM {table} WHERE execution_id = $1 {also} ORDER BY {order}", key
        )
        return [tuple(row) for row in found]

    counters = await connection.fetchrow(
        "SELECT event_seq, log_seq, step_seq, checkpoint_seq FROM executions WHERE id = $1", key
    )
    try:
        return Kept(
            dict(counters),
            (await rows("version", "states", "version"))[0][0],
            await rows("key, version", "state_entries", "version", "AND NOT field"),
            await rows("seq, message", "log_entries", "seq"),
            await rows("key, seq", "steps", "seq"),
            await rows("label, seq, state_version", "checkpoints", "seq"),
            [seq for (seq,) in await rows("seq", "events", "seq")],
        )
    finally:
        await connection.close()


def require_exactly_once(held: Kept, writes: list[Write]) -> None:
    """The database holds what was answered, as it was answered, and nothing else; numbers have no gaps."""
    told = {write.name: write.answer for write in writes if write.answer is not None}
    states = {name: answer["state"]["version"] for name, answer in told.items() if "state" in answer}
    steps = {name: answer["step"]["seq"] for name, answer in told.items() if "step" in answer}
    assert held.variables == sorted(states.items(), key=lambda one: one[1])
    assert held.steps == sorted(steps.items(), key=lambda one: one[1])
    assert held.checkpoints == [
        (name, told[name]["checkpoint"]["seq"], states[name]) for name, _ in held.steps
    ]
    assert sorted(text for _, text in held.logs) == sorted(text for one in writes for text in one.messages)
    places = {text: seq for seq, text in held.logs}
    for write in writes:
        if write.answer is not None and "firstSeq" in write.answer:
            first, last = write.answer["firstSeq"], write.answer["lastSeq"]
            assert [places[text] for text in write.messages] == list(range(first, last + 1))
    require_dense(held)


def require_dense(held: Kept) -> None:
    """Counters and rows agree, without a gap."""
    numbers = {
        "event_seq": held.events,
        "log_seq": [seq for seq, _ in held.logs],
        "step_seq": [seq for _, seq in held.steps],
        "checkpoint_seq": [seq for _, seq, _ in held.checkpoints],
    }
    for counter, seqs in numbers.items():
        assert seqs == list(range(1, held.counters[counter] + 1))
    assert [version for _, version in held.variables] == list(range(1, held.version + 1))
