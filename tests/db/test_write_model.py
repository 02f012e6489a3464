"""Random writes against a model: after each, refusals, statuses, versions, epochs and sequences agree."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from db.engine import Database
from db.enums import ExecutionStatus, LogLevel, StepStatus
from db.errors import FlowkeepError, IdempotencyConflict
from db.state_values import fetch_values
from db.writes.checkpoints import create_checkpoint
from db.writes.claims import claim_executions
from db.writes.commits import StepCommit, commit_step
from db.writes.executions import create_execution, transition_execution
from db.writes.forks import fork_execution
from db.writes.leases import acquire_lease, release_lease
from db.writes.records import LogLine, append_logs
from db.writes.recovery import recover_execution
from db.writes.states import StateChange, save_state
from db.writes.steps import StepEnd, StepStart, start_step
from db.writes.workflows import create_workflow
from db.writes.write import Write
from tests.db.model import Model, Refusal

HOUR = timedelta(hours=1)
WORKFLOW = {"name": "w", "version": "1", "status": "ACTIVE", "definition": {}, "priority": "LOW"}
keys = st.sampled_from(["a", "b", "c"])
values = st.sampled_from([None, True, 1, "x", [], [1], {"p": 1}, {"p": None, "q": [2]}])
holders = st.sampled_from(["one", "two"])
# None, the present epoch, or the one before.
epochs = st.sampled_from([None, None, 0, -1])
at = st.integers(0, 9)
ends = st.sampled_from(
    [StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.RETRYING, StepStatus.SKIPPED, StepStatus.CANCELLED]
)


class Writes(RuleBasedStateMachine):
    """Drives `db.writes` and the model side by side."""

    loop: asyncio.AbstractEventLoop
    databases: Sequence[Database]
    workflow: UUID

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[UUID, Model] = {}
        self.begun: dict[UUID, int] = {}
        self.numbers = count()
        self.process = 0

    @property
    def database(self) -> Database:
        """As the process has it that writes at the moment."""
        return self.databases[self.process]

    def run(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    def pick(self, number: int) -> tuple[UUID, Model]:
        return list(self.models.items())[number % len(self.models)]

    def write(
        self, model: Model, epoch: int | None, key: str | None = None, input: bytes = b"input"
    ) -> Write:
        return Write("test", input, key, None if epoch is None else model.epoch + epoch)

    def agree(self, key: UUID, work: Awaitable[Any], refusal: Refusal | None) -> Any:
        """The write is refused as the model says, and leaves what the model has."""
        try:
            outcome, found = self.run(work), None
        except FlowkeepError as error:
            outcome, found = None, type(error)
        assert found is refusal
        self.compare(key)
        return outcome

    def compare(self, key: UUID) -> None:
        model = self.models[key]
        row, attempts, variables = self.run(self._read(key, len(model.versions) - 1))
        assert (row["status"], row["lease_epoch"], row["lease_holder"], row["log_seq"], row["version"]) == (
            *(model.status, model.epoch, model.holder, model.logs, len(model.versions) - 1),
        )
        assert (row["events"], row["logs"], row["checkpoint_seq"]) == (
            *(row["event_seq"], model.logs, len(model.marks)),
        )
        assert attempts == [(attempt.key, attempt.status) for attempt in model.attempts]
        assert variables == model.versions

    async def _read(self, key: UUID, version: int) -> tuple[Any, list[Any], list[Any]]:
        async with self.database.reading() as connection:
            row = await connection.fetchrow(
                """SELECT e.*, s.version,
                   (SELECT count(*) FROM events v WHERE v.execution_id = e.id) AS events,
                   (SELECT count(*) FROM log_entries l WHERE l.execution_id = e.id) AS logs
                   FROM executions e JOIN states s ON s.execution_id = e.id WHERE e.id = $1""",
                key,
            )
            steps = await connection.fetch(
                "SELECT key, status FROM steps WHERE execution_id = $1 ORDER BY seq", key
            )
            states = await fetch_values(connection, [(key, at) for at in range(version + 1)])
        attempts = [(step["key"], step["status"]) for step in steps]
        read = [{name: orjson.loads(text) for name, text in state.items()} for state in states]
        return row, attempts, read

    @rule(process=st.integers(0, 1))
    def go_on_in(self, process: int) -> None:
        self.process = process

    @rule(variables=st.dictionaries(keys, values, max_size=2))
    def create(self, variables: dict[str, Any]) -> None:
        write = Write("test", b"")
        made = create_execution(self.database, write, self.workflow, {"trigger_type": "API"}, variables)
        key: UUID = self.run(made)
        self.models[key] = Model([{}, variables] if variables else [{}])
        self.begun[key] = len(self.models[key].versions) - 1
        self.compare(key)

    @precondition(lambda self: self.models)
    @rule(number=at, to=st.sampled_from(ExecutionStatus), epoch=epochs)
    def transition(self, number: int, to: ExecutionStatus, epoch: int | None) -> None:
        key, model = self.pick(number)
        write = self.write(model, epoch)
        refusal = model.transition(to, write.epoch)
        self.agree(key, transition_execution(self.database, key, write, to), refusal)

    @precondition(lambda self: self.models)
    @rule(holder=holders, limit=st.integers(1, 2))
    def claim(self, holder: str, limit: int) -> None:
        # Released while RUNNING is an orphan; a lease of this test never runs out by itself.
        orphans = [
            key
            for key, model in sorted(self.models.items())
            if model.status == ExecutionStatus.RUNNING and model.epoch and model.holder is None
        ]
        waiting = [
            key
            for key, model in sorted(self.models.items())
            if model.status == ExecutionStatus.PENDING and model.holder is None
        ]
        due = [*orphans, *waiting][:limit]
        claimed = self.run(claim_executions(self.database, Write("test", b""), holder, HOUR, limit, ["w"]))
        assert sorted(claimed) == sorted(due)
        for key in due:
            model = self.models[key]
            model.status, model.epoch, model.holder = ExecutionStatus.RUNNING, model.epoch + 1, holder
            self.compare(key)

    @precondition(lambda self: self.models)
    @rule(number=at, holder=holders)
    def acquire(self, number: int, holder: str) -> None:
        key, model = self.pick(number)
        refusal = model.acquire(holder)
        self.agree(key, acquire_lease(self.database, key, Write("test", b""), holder, HOUR), refusal)

    @precondition(lambda self: self.models)
    @rule(number=at, holder=holders)
    def release(self, number: int, holder: str) -> None:
        key, model = self.pick(number)
        refusal = model.release(holder)
        self.agree(key, release_lease(self.database, key, Write("test", b""), holder), refusal)

    @precondition(lambda self: self.models)
    @rule(
        number=at,
        kind=st.sampled_from(["full", "patch", "append"]),
        given=st.dictionaries(keys, values, max_size=2),
        off=st.sampled_from([None, 0, -1]),
        epoch=epochs,
    )
    def save(self, number: int, kind: str, given: dict[str, Any], off: int | None, epoch: int | None) -> None:
        key, model = self.pick(number)
        if kind == "append":
            given = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
        expected = None if off is None else len(model.versions) - 1 + off
        write = self.write(model, epoch)
        refusal = model.save(kind, given, expected, write.epoch)
        name = {"full": "variables", "patch": "patch", "append": "appends"}[kind]
        change = StateChange(**{name: given}, expected_version=expected)
        self.agree(key, save_state(self.database, key, write, change), refusal)

    @precondition(lambda self: self.models)
    @rule(number=at, epoch=epochs)
    def checkpoint(self, number: int, epoch: int | None) -> None:
        key, model = self.pick(number)
        write = self.write(model, epoch)
        refusal = model.mark(write.epoch)
        self.agree(key, create_checkpoint(self.database, key, write, None, None, None), refusal)

    @precondition(lambda self: self.models)
    @rule(number=at, step=keys, epoch=epochs)
    def start(self, number: int, step: str, epoch: int | None) -> None:
        key, model = self.pick(number)
        write = self.write(model, epoch)
        refusal = model.start(step, write.epoch)
        self.agree(key, start_step(self.database, key, write, StepStart(step)), refusal)

    @precondition(lambda self: self.models)
    @rule(number=at, step=keys, status=ends, epoch=epochs)
    def commit(self, number: int, step: str, status: StepStatus, epoch: int | None) -> None:
        key, model = self.pick(number)
        write = self.write(model, epoch)
        refusal = model.commit(step, status, write.epoch)
        commit = StepCommit(StepStart(step), StepEnd(status))
        self.agree(key, commit_step(self.database, key, write, commit), refusal)

    @precondition(lambda self: self.models)
    @rule(number=at, lines=st.integers(1, 3), epoch=epochs)
    def log_twice_with_one_key(self, number: int, lines: int, epoch: int | None) -> None:
        key, model = self.pick(number)
        write = self.write(model, epoch, f"key {next(self.numbers)}")
        refusal = model.append(lines, write.epoch)
        entries = [LogLine(LogLevel.INFO, "line")] * lines
        first = self.agree(key, append_logs(self.database, key, write, entries), refusal)
        assert self.agree(key, append_logs(self.database, key, write, entries), refusal) == first
        if refusal is None:
            other = Write("test", b"other", write.key)
            self.agree(key, append_logs(self.database, key, other, entries), IdempotencyConflict)

    @precondition(lambda self: self.models)
    @rule(number=at, mark=at, chosen=st.booleans(), holder=st.none() | holders, force=st.booleans())
    def recover(self, number: int, mark: int, chosen: bool, holder: str | None, force: bool) -> None:
        key, model = self.pick(number)
        seq = mark % len(model.marks) + 1 if chosen and model.marks else None
        refusal = model.recover(seq, holder, self.begun[key], force=force)
        lease = None if holder is None else (holder, HOUR)
        write = Write("test", b"")
        done = recover_execution(self.database, key, write, seq, lease, plan=False, force=force)
        self.agree(key, done, refusal)

    @precondition(lambda self: any(model.marks for model in self.models.values()))
    @rule(number=at, mark=at, patch=st.dictionaries(keys, values, max_size=1))
    def fork(self, number: int, mark: int, patch: dict[str, Any]) -> None:
        marked = [(key, model) for key, model in self.models.items() if model.marks]
        key, model = marked[number % len(marked)]
        seq = mark % len(model.marks) + 1
        forked = self.run(fork_execution(self.database, key, seq, Write("test", b""), patch))
        self.models[forked], self.begun[forked] = model.fork(seq, patch), 0
        self.compare(forked)

    def teardown(self) -> None:
        """Nothing is left for the next series to claim."""
        self.run(self._empty())

    async def _empty(self) -> None:
        async with self.database.maintaining() as connection:
            await connection.execute("DELETE FROM log_entries; DELETE FROM events; DELETE FROM executions")


@pytest.mark.parametrize(
    "series", [pytest.param(25, id="some"), pytest.param(120, marks=pytest.mark.slow, id="many")]
)
def test_writes_do_what_the_model_does(worker_url: str, series: int) -> None:
    loop = asyncio.new_event_loop()
    # One decides without locks first, the other takes them.
    bounded = Database(worker_url, pool_size=1, pooler=True, statement_timeout=timedelta(minutes=1))
    databases = [Database(worker_url, pool_size=1), bounded]
    made = create_workflow(
        databases[0], Write("test", b""), {**WORKFLOW, "environment": "STAGING", "version": str(series)}
    )
    workflow = loop.run_until_complete(made)

    class Bound(Writes):
        """On this worker's database."""

    Bound.loop, Bound.databases, Bound.workflow = loop, databases, workflow
    try:
        run_state_machine_as_test(Bound, settings=settings(max_examples=series, stateful_step_count=30))
    finally:
        loop.run_until_complete(_forget_workflows(databases[0]))
        for database in databases:
            loop.run_until_complete(database.close())
        loop.close()


async def _forget_workflows(database: Database) -> None:
    async with database.maintaining() as connection:
        await connection.execute("DELETE FROM executions; DELETE FROM workflows; DELETE FROM audit_entries")
