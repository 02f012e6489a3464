"""A batch: the writes that are made together, in three steps.

    read    what the writes need is recalled (`recent.py`), or read by a statement without locks
    decide  in the order of arrival, each write sees what those before it on its execution have changed
    write   one statement writes the rows, changes and events of all that were not refused, on the condition
            that the executions are still as they were seen, and commits by itself

Where they aren't, and where that takes more than a statement, all three are made in one transaction, which
locks the executions in the order of their keys before it reads. A refusal hurts nobody else: its draft is
thrown away. A write alone is a batch of one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

import asyncpg

from db.engine import Database
from db.errors import FlowkeepError, NotFound, StaleLease
from db.topology import is_distributed
from db.writes.answers import Answer, Outcome, committing
from db.writes.conditions import Condition, held
from db.writes.draft import Draft
from db.writes.holds import share_holds
from db.writes.needs import NOTHING, Needs, Unseen
from db.writes.recent import Recalled, Recent
from db.writes.rows import Rows
from db.writes.seen import Earlier, Seen
from db.writes.sight import Asked, glance, look, look_again
from db.writes.write import Replay, Write, replayed

Decision: TypeAlias = Callable[[Draft], Outcome]


@dataclass(frozen=True, slots=True, eq=False)
class WriteRequest:
    """A write to one execution: what it needs to see, and the decision on what it does.

    `brings` is about how many bytes come along, where the write doesn't say so. An `exclusive` one needs to
    see what the database has, so no other write to its execution is in its batch.
    """

    execution_id: UUID
    write: Write
    decide: Decision
    needs: Needs = NOTHING
    brings: int = 0
    exclusive: bool = False

    @property
    def size(self) -> int:
        """About how many bytes it brings along."""
        return self.brings or self.write.size


@dataclass(slots=True)
class Batch:
    """Requests that are made together, in the order of their arrival; `recent` is what batches recall."""

    requests: Sequence[WriteRequest]
    recent: Recent = field(default_factory=Recent)
    committing: bool = False

    async def make(self, database: Database, *, skip_locked: bool) -> list[Answer]:
        """Make the writes; returns what became of each.

        With `skip_locked`, those whose execution somebody else holds are left out. Raises where the whole
        transaction failed; `committing` then says whether it may have been committed all the same.
        """
        self.committing = False
        if skip_locked and database.autocommits:
            answers = await self._make_without_locks(database)
            if answers is not None:
                return answers
        self.recent.distrust(request.execution_id for request in self.requests)
        async with database.batching() as driver:
            answers = await self.make_within(driver, skip_locked=skip_locked)
            self.committing = True
        return answers

    async def _make_without_locks(self, database: Database) -> list[Answer] | None:
        """Make them in no transaction, by what is recalled or a glance shows; None where that can't be."""
        if any(request.needs.holds for request in self.requests):
            return None
        asked = _asked(self.requests)
        recalled = {
            key: found
            for key, one in asked.items()
            if (found := self.recent.recall(key, one.needs, one.keys)) is not None
        }
        async with database.autocommitting() as driver:
            if is_distributed(driver):  # which is known only now, where this is the first batch
                return None
            if recalled and (answers := await self._make_as_seen(driver, asked, recalled)) is not None:
                return answers
            return await self._make_as_seen(driver, asked, {})

    async def _make_as_seen(
        self, driver: asyncpg.Connection, asked: Mapping[UUID, Asked], recalled: Mapping[UUID, Recalled]
    ) -> list[Answer] | None:
        """Write what is decided by what is `recalled` and by a glance at the others, if all is still so.

        None where it isn't, where it takes more than a statement, and where memory alone would refuse.
        """
        seen: dict[UUID, Seen | None] = {key: found.seen for key, found in recalled.items()}
        if unknown := {key: one for key, one in asked.items() if key not in recalled}:
            seen |= await glance(driver, unknown)
        decided = Decided(seen)
        answers = [decided.answer(request) for request in self.requests]
        rows = decided.rows()
        if self._needed_by_exclusive(answers, decided) or not rows.in_one_statement:
            return None
        if recalled and not (rows and self._all_made(answers, recalled)):
            return None
        if rows:
            conditions = {
                key: recalled[key].condition if key in recalled else Condition(draft.seen.row_version)
                for key, draft in decided.drafts.items()
            }
            with committing(self):
                written = await rows.write_if(driver, held(conditions))
            if written is None:
                self.recent.distrust(conditions)
                return None
            for key, draft in decided.drafts.items():
                self.recent.keep(key, draft, asked[key].needs, written)
        return answers

    def _all_made(self, answers: Sequence[Answer], recalled: Mapping[UUID, Recalled]) -> bool:
        return all(
            isinstance(answer, dict) or request.execution_id not in recalled
            for request, answer in zip(self.requests, answers, strict=True)
        )

    async def make_within(self, driver: asyncpg.Connection, *, skip_locked: bool) -> list[Answer]:
        """The same within a transaction that is there already."""
        if any(request.needs.holds for request in self.requests):
            await share_holds(driver)  # before any row is locked, as everywhere
        decided = Decided(await look(driver, _asked(self.requests), skip_locked=skip_locked))
        answers = [decided.answer(request) for request in self.requests]
        while more := self._needed_by_exclusive(answers, decided):
            # Nobody else writes to these in the batch, and they are locked: no transaction is lost.
            await decided.look_again(driver, dict(more.values()))
            for at in more:
                answers[at] = decided.answer(self.requests[at])
        await decided.rows().write(driver)
        return answers

    def _needed_by_exclusive(
        self, answers: Sequence[Answer], decided: "Decided"
    ) -> dict[int, tuple[UUID, Needs]]:
        return {
            at: (request.execution_id, answer)
            for at, (request, answer) in enumerate(zip(self.requests, answers, strict=True))
            if isinstance(answer, Needs) and request.exclusive and request.execution_id not in decided.drafts
        }


def _asked(requests: Sequence[WriteRequest]) -> dict[UUID, Asked]:
    """What is needed of each execution, in the order in which they are locked."""
    asked: dict[UUID, Asked] = {}
    for request in requests:
        key = request.write.key
        keys = frozenset() if key is None else frozenset((key,))
        there = asked.get(request.execution_id)
        asked[request.execution_id] = (
            Asked(request.needs, keys)
            if there is None
            else Asked(there.needs | request.needs, there.keys | keys)
        )
    return dict(sorted(asked.items()))


class Decided:
    """What a batch has come to so far: `drafts` is how it leaves the executions that it has changed.

    `seen` has what was found of each execution, None where it isn't there; one that somebody else holds is
    left out.
    """

    def __init__(self, seen: dict[UUID, Seen | None]) -> None:
        self.drafts: dict[UUID, Draft] = {}
        self._seen = seen
        self._unseen: dict[UUID, Seen | None] = {}
        self._rows = Rows()

    def answer(self, request: WriteRequest) -> Answer:
        """Decide one write."""
        if request.execution_id not in self._seen:
            return None
        try:
            return self._decided(request, self._seen[request.execution_id])
        except Replay as replay:
            return replay.outcome
        except Unseen as unseen:
            # What comes after it on this execution waits with it, or the order would be lost.
            self._unseen[request.execution_id] = self._seen.pop(request.execution_id)
            return unseen.needs
        except FlowkeepError as refusal:
            return refusal

    def _decided(self, request: WriteRequest, seen: Seen | None) -> Outcome:
        if seen is None:
            raise NotFound("execution", f"exec_{request.execution_id.hex}")
        write, before = request.write, self.drafts.get(request.execution_id)
        if write.key is not None and (earlier := seen.earlier.get(write.key)) is not None:
            again = replayed(write, earlier.fingerprint, earlier.outcome)
            _require_still_its_own(seen if before is None else before, again.outcome)
            raise again
        draft = Draft(seen, write) if before is None else before.next(write)
        _require_epoch(draft)
        outcome = request.decide(draft)
        draft.finish(outcome)
        self.drafts[request.execution_id] = draft
        self._rows.extend(draft.rows)
        if write.key is not None:
            seen.earlier[write.key] = Earlier(write.fingerprint, outcome)
        return outcome

    async def look_again(self, driver: asyncpg.Connection, needs: Mapping[UUID, Needs]) -> None:
        """Within the batch's transaction: see what else is needed of executions to be decided again."""
        seen = {key: self._unseen.pop(key) for key in needs}
        self._seen |= seen
        await look_again(driver, {key: one for key, one in seen.items() if one is not None}, needs)

    def rows(self) -> Rows:
        """All that is to be written."""
        lean = all(draft.is_lean for draft in self.drafts.values())
        for draft in self.drafts.values():
            self._rows.extend(draft.pending(lean=lean))
        return self._rows


def _require_still_its_own(now: Seen | Draft, outcome: Outcome) -> None:
    """Raise `StaleLease` where a repeated write had given a lease that somebody has taken over since.

    Who asks again would go on under an epoch that fences out its new holder.
    """
    head, epoch = now.head, outcome.get("epoch")
    if epoch is not None and epoch != head.lease_epoch:
        raise StaleLease(epoch, head.lease_holder, head.lease_epoch, head.lease_expires_at)


def _require_epoch(draft: Draft) -> None:
    """Raise `StaleLease` where the write shows an epoch that is not the present lease's."""
    head, epoch = draft.head, draft.write.epoch
    if epoch is None:
        return
    # An ended execution holds no lease; its last holder may still hand in what it logged.
    if epoch != head.lease_epoch or (head.lease_holder is None and head.completed_at is None):
        raise StaleLease(epoch, head.lease_holder, head.lease_epoch, head.lease_expires_at)
