"""What an execution should be after a series of writes, in memory: the other side of the model test."""

from dataclasses import dataclass, field
from typing import Any

from db.enums import TERMINAL_EXECUTION, TERMINAL_STEP, ExecutionStatus, StepStatus
from db.errors import FlowkeepError, InvalidInput, InvalidTransition, StaleLease, VersionConflict
from db.merge import merge_patch
from db.transitions import EXECUTION_MOVES, STEP_MOVES

Refusal = type[FlowkeepError]
_DONE = (StepStatus.COMPLETED, StepStatus.SKIPPED)


@dataclass
class Attempt:
    """An attempt at a step."""

    key: str
    status: StepStatus


@dataclass
class Mark:
    """A checkpoint: the version it names, and how every attempt stood then."""

    version: int
    attempts: list[tuple[str, StepStatus]]


@dataclass
class Model:
    """An execution. Every method says how the write should be refused, or None and changes the model."""

    versions: list[dict[str, Any]]
    status: ExecutionStatus = ExecutionStatus.PENDING
    epoch: int = 0
    holder: str | None = None
    logs: int = 0
    attempts: list[Attempt] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    head: int | None = None

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL_EXECUTION

    def fenced(self, epoch: int | None) -> Refusal | None:
        """A write must carry the present epoch of a lease that is held, or none at all."""
        held = self.holder is not None or self.ended
        return None if epoch is None or (epoch == self.epoch and held) else StaleLease

    def leased(self, epoch: int | None) -> Refusal | None:
        """While a lease is held, its holder's writes carry its epoch."""
        return self.fenced(epoch) or (StaleLease if epoch is None and self.holder is not None else None)

    def guarded(self, epoch: int | None) -> Refusal | None:
        """A holder's write, and not ended."""
        return self.leased(epoch) or (InvalidTransition if self.ended else None)

    def transition(self, to: ExecutionStatus, epoch: int | None) -> Refusal | None:
        starts = (self.status, to) == (ExecutionStatus.PENDING, ExecutionStatus.RUNNING)
        ends = to in TERMINAL_EXECUTION and to != ExecutionStatus.CANCELLED
        refusal = self.leased(epoch) if starts or ends else self.fenced(epoch)
        if refusal or to == self.status:
            return refusal
        if to not in EXECUTION_MOVES[self.status]:
            return InvalidTransition
        self.status = to
        if self.ended:
            self.holder = None
        return None

    def acquire(self, holder: str) -> Refusal | None:
        if self.ended:
            return InvalidTransition
        if self.holder not in (None, holder):
            return StaleLease
        self.epoch, self.holder = self.epoch + 1, holder
        return None

    def release(self, holder: str) -> Refusal | None:
        if self.holder not in (None, holder):
            return StaleLease
        self.holder = None
        return None

    def save(
        self, kind: str, values: dict[str, Any], expected: int | None, epoch: int | None
    ) -> Refusal | None:
        refusal = self.guarded(epoch)
        if refusal:
            return refusal
        if expected is not None and expected != len(self.versions) - 1:
            return VersionConflict
        after = dict(self.versions[-1])
        if kind == "full":
            after = values
        elif kind == "patch":
            after = merge_patch(after, values)
        else:
            for key, items in values.items():
                if not isinstance(after.get(key, []), list):
                    if items:
                        return InvalidInput
                    continue
                if items:
                    after[key] = [*after.get(key, []), *items]
        self.versions.append(after)
        return None

    def mark(self, epoch: int | None) -> Refusal | None:
        refusal = self.guarded(epoch)
        if not refusal:
            stood = [(attempt.key, attempt.status) for attempt in self.attempts]
            self.marks.append(Mark(len(self.versions) - 1, stood))
            self.head = len(self.marks)
        return refusal

    def latest(self, key: str) -> Attempt | None:
        return next((attempt for attempt in reversed(self.attempts) if attempt.key == key), None)

    def start(self, key: str, epoch: int | None) -> Refusal | None:
        refusal, latest = self.guarded(epoch), self.latest(key)
        if refusal or (latest and latest.status == StepStatus.RUNNING):
            return refusal
        if latest and latest.status == StepStatus.PENDING:
            latest.status = StepStatus.RUNNING
            return None
        return self._again(latest, key, StepStatus.RUNNING)

    def commit(self, key: str, status: StepStatus, epoch: int | None) -> Refusal | None:
        refusal, latest = self.guarded(epoch), self.latest(key)
        if refusal or (latest and latest.status == status and status in _DONE):
            return refusal
        if latest and latest.status in (StepStatus.PENDING, StepStatus.RUNNING):
            if status not in STEP_MOVES[latest.status]:
                return InvalidTransition
            latest.status = status
            return None
        return self._again(latest, key, status)

    def _again(self, latest: Attempt | None, key: str, status: StepStatus) -> Refusal | None:
        if latest and latest.status in _DONE:
            return InvalidTransition
        if latest and latest.status == StepStatus.RETRYING:
            latest.status = StepStatus.FAILED
        self.attempts.append(Attempt(key, status))
        return None

    def append(self, number: int, epoch: int | None) -> Refusal | None:
        refusal = self.fenced(epoch)
        self.logs += 0 if refusal else number
        return refusal

    def recover(self, mark: int | None, holder: str | None, begun: int, *, force: bool) -> Refusal | None:
        """Back to a mark (1 is the first), by default the head; without any to version `begun`."""
        if not force and self.holder not in (None, holder):
            return StaleLease
        mark = self.head if mark is None else mark
        base = self.marks[mark - 1] if mark else Mark(begun, [])
        self.head = mark
        stood = dict(base.attempts)
        places = {key: at for at, (key, _) in enumerate(base.attempts)}
        latest = {attempt.key: attempt for attempt in self.attempts}
        numbers = {attempt.key: at for at, attempt in enumerate(self.attempts)}
        for key, attempt in latest.items():
            # An attempt that was done then is so still, for done is left by no move.
            done = stood.get(key) in _DONE
            if done and numbers[key] == places[key]:
                continue
            if not done and attempt.status == StepStatus.PENDING:
                continue
            if attempt.status not in TERMINAL_STEP:
                attempt.status = StepStatus.CANCELLED
            self.attempts.append(Attempt(key, stood[key] if done else StepStatus.PENDING))
        self.versions.append(dict(self.versions[base.version]))
        self.epoch, self.holder = self.epoch + 1, holder
        self.status = ExecutionStatus.PENDING if holder is None else ExecutionStatus.RUNNING
        return None

    def fork(self, mark: int, patch: dict[str, Any]) -> "Model":
        base = self.marks[mark - 1]
        variables = merge_patch(self.versions[base.version], patch)
        forked = Model([{}, variables] if variables else [{}])
        stood = dict(base.attempts)
        forked.attempts = [Attempt(key, status) for key, status in stood.items() if status in _DONE]
        forked.marks = [Mark(len(forked.versions) - 1, [(a.key, a.status) for a in forked.attempts])]
        forked.head = 1
        return forked
