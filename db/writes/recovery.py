"""Recovery after a crash: an execution goes back to a checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from db.engine import Database
from db.enums import TERMINAL_STEP, EventType, ExecutionStatus, StepStatus
from db.errors import NotFound
from db.recovery_plan import done_at, to_run_again
from db.writes.answers import Outcome
from db.writes.batch import WriteRequest
from db.writes.draft import Draft
from db.writes.leases import give_lease, raise_epoch
from db.writes.needs import Needs
from db.writes.seen import Attempt, Base
from db.writes.states import StateChange, save
from db.writes.steps import StepEnd, StepStart, finish, insert_attempt
from db.writes.write import Write
from db.writes.writer import writer_of

_FIELDS = ("current_step", "completed_steps", "failed_steps", "skipped_steps", "parallel_groups")
_ABSENT: Mapping[str, Any] = {"completed_steps": [], "failed_steps": [], "skipped_steps": []}


@dataclass(frozen=True)
class Recovered:
    """What a recovery did, or would do: the seqs of the checkpoint used, and of the attempts.

    `kept` are attempts that the checkpoint knew as done; `rerun` those to run again: in a plan the last
    attempts so far, else the new PENDING ones that replace them. `epoch` is that of the lease, where one was
    taken.
    """

    checkpoint: int | None
    version: int
    kept: list[int]
    rerun: list[int]
    epoch: int | None = None


async def recover_execution(
    database: Database,
    execution_id: UUID,
    write: Write,
    checkpoint: int | None,
    lease: tuple[str, timedelta] | None,
    *,
    plan: bool,
    force: bool = False,
) -> Recovered:
    """Go back to a checkpoint, by default the one that the state descends from.

    Restores its state as a new version, raises the epoch so that the old worker is fenced out, and gives
    every step that was not done at the checkpoint a new PENDING attempt. With a `lease` (holder, ttl) the
    execution is RUNNING under it, else PENDING. Without any checkpoint it starts over from its first
    variables. A `plan` only tells. Raises `NotFound` for the checkpoint, and `StaleLease` where somebody
    else's lease is valid and neither its epoch is given nor the recovery a `force`d one.
    """

    def decide(draft: Draft) -> Outcome:
        if not plan and not force:
            draft.require_lease(lease and lease[0])
        base = draft.base
        if base is None:
            raise NotFound("checkpoint", f"chk_{draft.id.hex}_{checkpoint}")
        attempts = draft.attempts()
        done = done_at(attempts, base)
        latest = {attempt.key: attempt for attempt in attempts}
        rerun = to_run_again(attempts, done)
        if plan:
            seqs = {"kept": [step.seq for step in done.values()], "rerun": [step.seq for step in rerun]}
            return {"checkpoint": base.seq, "version": base.state_version, **seqs}
        _reopen(draft, base.seq, lease)
        version = save(draft, _restoring(base))
        draft.set_state(draft.state._replace(checkpoint_seq=base.seq))
        return {
            "checkpoint": base.seq,
            "version": version,
            "kept": [_keep(draft, latest[key], step) for key, step in done.items()],
            "rerun": [_reset(draft, step) for step in rerun],
            "epoch": draft.head.lease_epoch if lease else None,
        }

    if plan:
        write = write.without_key()
    needs = Needs(state=True, fields=True, every_value=True, every_attempt=True, base=(checkpoint,))
    request = WriteRequest(execution_id, write, decide, needs, exclusive=True)
    return Recovered(**await writer_of(database).write(request))


def _reopen(draft: Draft, seq: int | None, lease: tuple[str, timedelta] | None) -> None:
    before, to = draft.head, ExecutionStatus.PENDING if lease is None else ExecutionStatus.RUNNING
    changes: dict[str, Any] = {"checkpoint": seq, "status": {"before": before.status, "after": to}}
    changes["leaseEpoch"] = {"before": before.lease_epoch, "after": before.lease_epoch + 1}
    draft.change(status=to, completed_at=None)
    draft.set_end(None, None)
    draft.note(EventType.EXECUTION_RECOVERED, changes)
    if lease is None:
        raise_epoch(draft)
    else:
        draft.change(started_at=before.started_at or draft.now)
        give_lease(draft, *lease)


def _restoring(base: Base) -> StateChange:
    """The save that makes the head what it was."""
    fields = {name: orjson.loads(text) for name, text in base.fields.items()}
    return StateChange(
        variables={key: orjson.loads(text) for key, text in base.variables.items()},
        fields={name: fields.get(name, _ABSENT.get(name)) for name in _FIELDS},
    )


def _keep(draft: Draft, latest: Attempt, done: Attempt) -> int:
    """Let the step stand as it was done; returns the seq of the attempt that says so.

    A recovery to an earlier checkpoint may have added an attempt since: then a copy goes on top of it.
    """
    if latest.seq == done.seq:
        return done.seq
    _close(draft, latest)
    return insert_attempt(draft, latest, StepStart(done.key), StepStatus(done.status), copied=done)


def _reset(draft: Draft, step: Attempt) -> int:
    """Close what was under way and add a PENDING attempt; returns its seq."""
    if step.status == StepStatus.PENDING:
        return step.seq
    _close(draft, step)
    return insert_attempt(draft, step, StepStart(step.key), StepStatus.PENDING)


def _close(draft: Draft, step: Attempt) -> None:
    if step.status not in TERMINAL_STEP:
        error = {"message": "The execution was recovered while this attempt was under way."}
        finish(draft, step, StepEnd(StepStatus.CANCELLED, error=error))
