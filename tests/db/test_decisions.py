"""What writes decide, without a database: random series against the model, and what a refusal leaves."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.enums import ExecutionStatus, LogLevel, StepStatus
from db.errors import FlowkeepError, VersionConflict
from db.writes.answers import Answer
from db.writes.arms import ARMS
from db.writes.batch import Decided, WriteRequest
from db.writes.checkpoints import deleting, pruning
from db.writes.commits import StepCommit, committing
from db.writes.draft import Draft
from db.writes.executions import labelling
from db.writes.rows import Rows
from db.writes.seen import ABSENT, Head, Labels, Mark, Marks, Seen, StateHead, Variable
from db.writes.states import StateChange, saving
from db.writes.steps import StepEnd, StepStart
from db.writes.write import Write
from tests.db.model import Model
from tests.db.requests import Asked, appended, committed, saved, started, taken
from tests.sizes import examples

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = ("a", "b", "c")
keys = st.sampled_from(KEYS)
values = st.sampled_from([None, True, 1, "x", [], [1], {"p": 1}, {"p": None, "q": [2]}])
ends = st.sampled_from(
    [StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.RETRYING, StepStatus.SKIPPED, StepStatus.CANCELLED]
)
asked = st.one_of(
    st.builds(saved, st.just("full"), st.dictionaries(keys, values, max_size=2)),
    st.builds(saved, st.just("patch"), st.dictionaries(keys, values, max_size=2)),
    st.builds(saved, st.just("append"), st.dictionaries(keys, st.lists(values, max_size=2), max_size=2)),
    st.builds(taken),
    st.builds(started, keys),
    st.builds(committed, keys, ends),
    st.builds(appended, st.integers(1, 3)),
)


def found(*, status: ExecutionStatus = ExecutionStatus.RUNNING) -> Seen:
    """A new execution, of which everything was seen that a decision may ask for."""
    known = {"id": uuid4(), "workflow_id": uuid4(), "status": status, "created_at": NOW, "started_at": NOW}
    counters = {name: 0 for name in Head._fields if name.endswith(("_seq", "_epoch"))}
    columns: dict[str, Any] = {**dict.fromkeys(Head._fields), **counters, **known}
    return Seen(
        NOW,
        Head(**columns),
        row_version=1,
        state=StateHead(0, None),
        labels=Labels([], {}),
        variables=dict.fromkeys(KEYS, ABSENT),
        latest=dict.fromkeys(KEYS),
    )


def decided(seen: Seen, *requests: WriteRequest) -> tuple[list[Answer], Draft | None, Rows]:
    """What becomes of writes within one batch, how they leave the execution, and the rows."""
    batch = Decided({seen.head.id: seen})
    answers = [batch.answer(request) for request in requests]
    return answers, batch.drafts.get(seen.head.id), batch.rows()


def series_on(seen: Seen, series: list[Asked]) -> list[WriteRequest]:
    """Writes without keys, each with another input."""
    return [one.request(seen.head.id, Write("test", bytes([at]))) for at, one in enumerate(series)]


@settings(max_examples=examples(300))
@given(series=st.lists(asked, max_size=20))
def test_a_batch_decides_as_the_model_does_one_by_one(series: list[Asked]) -> None:
    model, seen = Model([{}], status=ExecutionStatus.RUNNING), found()
    refused = [one.refusal(model) for one in series]
    outcomes, draft, _ = decided(seen, *series_on(seen, series))
    assert [type(one) if isinstance(one, FlowkeepError) else None for one in outcomes] == refused
    if draft is not None:
        assert (draft.state.version, draft.head.log_seq) == (len(model.versions) - 1, model.logs)
        assert {
            key: orjson.loads(value.text or "") for key, value in draft.variables.items() if value.there
        } == (model.versions[-1])
        assert [(one.key, one.status) for one in draft.attempts()] == [
            (attempt.key, attempt.status) for attempt in model.attempts
        ]


@given(series=st.lists(asked, min_size=1, max_size=20))
def test_events_are_numbered_without_a_gap_in_the_order_of_arrival(series: list[Asked]) -> None:
    seen = found()
    _, draft, rows = decided(seen, *series_on(seen, series))
    assert [row["seq"] for row in rows.of("events")] == list(
        range(1, draft.head.event_seq + 1 if draft else 1)
    )


@given(series=st.lists(asked, max_size=8))
def test_a_refusal_leaves_nothing(series: list[Asked]) -> None:
    ended = found(status=ExecutionStatus.COMPLETED)
    refused = [one for one in series if one.kind != "append_logs"]
    _, draft, rows = decided(ended, *series_on(ended, refused))
    assert draft is None
    assert not rows


@pytest.mark.parametrize("before", [[], [taken()]], ids=["first", "later"])
def test_a_commit_that_is_refused_half_way_leaves_the_step_to_the_next(before: list[Asked]) -> None:
    seen, done = found(), StepEnd(StepStatus.COMPLETED)
    stale = StepCommit(StepStart("a"), done, StateChange(patch={"a": 1}, expected_version=7))
    commits = [stale, StepCommit(StepStart("a"), done)]
    requests = [committing(seen.head.id, Write("test", b"commit"), commit) for commit in commits]
    (*_, refused, _), _, rows = decided(seen, *series_on(seen, before), *requests)
    assert isinstance(refused, VersionConflict)
    assert [row["key"] for row in rows.of("new_steps")] == ["a"]


def test_changes_of_tags_and_attributes_in_one_batch_see_each_other() -> None:
    seen = found()
    changes: list[tuple[list[str] | None, dict[str, Any]]] = [(["a"], {"n": 1}), (None, {"m": 2, "n": None})]
    series = [labelling(seen.head.id, Write("test", b""), *change) for change in changes]
    _, _, rows = decided(seen, *series)
    (row,) = rows.of("labelled_executions")
    assert (row["tags"], row["attributes"], row["event_seq"]) == ('["a"]', '{"m":2}', 2)
    assert not rows.of("executions") + rows.of("counted_executions")


def test_tags_and_attributes_that_are_the_same_change_nothing() -> None:
    seen = found()
    _, _, rows = decided(seen, labelling(seen.head.id, Write("test", b""), [], {"none": None}))
    assert not rows


def test_an_attribute_whose_form_jsonb_loses_is_kept_as_text() -> None:
    seen = found()
    _, _, rows = decided(seen, labelling(seen.head.id, Write("test", b""), None, {"n": 1e20}))
    (row,) = rows.of("labelled_executions")
    assert (row.get("tags"), row["attributes_exact"]) == (None, '{"n":1e+20}')


def test_a_save_writes_no_more_of_the_heads_than_it_changes() -> None:
    seen = found()
    _, _, rows = decided(seen, saving(seen.head.id, Write("test", b""), StateChange(patch={"n": 1})))
    assert {arm for arm in ARMS if rows.of(arm)} == {
        *("counted_executions", "advanced_states"),
        *("state_entries", "events"),
    }


def test_counters_and_labels_of_one_batch_are_written_in_one_row() -> None:
    seen = found()
    label = labelling(seen.head.id, Write("test", b""), ["a"], None)
    _, _, rows = decided(seen, label, *series_on(seen, [appended(2)]))
    assert [row["log_seq"] for row in rows.of("labelled_executions")] == [2]
    assert not rows.of("executions") + rows.of("counted_executions")


def with_checkpoints(
    parents: list[int | None], *, head: int | None = None, forked: tuple[int, ...] = (), hidden: int = 0
) -> Seen:
    """What a deletion sees where checkpoint n follows `parents[n - 1]` and names version 10 n."""
    seen = found()
    there = {seq: Mark(parent, 10 * seq) for seq, parent in enumerate(parents, 1)}
    seen.state = StateHead(10 * len(parents), head)
    seen.marks, seen.prunable = Marks(there, frozenset(forked)), hidden
    seen.holds = ()
    return seen


def pruned(seen: Seen, keep_last: int, *, dry_run: bool = False) -> tuple[Answer, Rows]:
    """What a pruning comes to."""
    write = Write("test", b"")
    (answer,), _, rows = decided(seen, pruning(seen.head.id, write, keep_last, dry_run=dry_run))
    return answer, rows


def adopted(rows: Rows) -> dict[int, int | None]:
    """The checkpoints that follow another one from now on."""
    return {row["seq"]: row["parent_seq"] for row in rows.of("adopted_checkpoints")}


@pytest.mark.parametrize(("seq", "code"), [(1, "BAD_USER_INPUT"), (3, "BAD_USER_INPUT"), (4, "NOT_FOUND")])
def test_bases_of_forks_the_head_and_what_is_not_there_are_not_deleted(seq: int, code: str) -> None:
    seen = with_checkpoints([None, 1, 2], head=3, forked=(1,))
    (answer,), _, rows = decided(seen, deleting(seen.head.id, Write("test", b""), seq))
    assert isinstance(answer, FlowkeepError)
    assert answer.code == code
    assert not rows


def test_all_that_followed_a_deleted_checkpoint_follow_the_one_before() -> None:
    seen = with_checkpoints([None, 1, 2, 2, 4], head=5)
    _, _, rows = decided(seen, deleting(seen.head.id, Write("test", b""), 2))
    assert [row["seq"] for row in rows.of("gone_checkpoints")] == [2]
    assert adopted(rows) == {3: 1, 4: 1}


@pytest.mark.parametrize(
    ("keep_last", "going", "parents"),
    [
        (0, [1, 3, 4, 6], {2: None, 5: 2}),
        (1, [1, 3, 4], {2: None, 5: 2, 6: 2}),
        (3, [1, 3], {2: None, 4: 2, 6: 2}),
        (6, [], {}),
    ],
)
def test_what_stays_of_a_pruned_tree_follows_what_stays(
    keep_last: int, going: list[int], parents: dict[int, int | None]
) -> None:
    answer, rows = pruned(with_checkpoints([None, 1, 2, 3, 4, 3], head=5, forked=(2,)), keep_last)
    assert answer == {"checkpoints": going, "rows": 0}
    assert [row["seq"] for row in rows.of("gone_checkpoints")] == going
    assert adopted(rows) == parents


@pytest.mark.parametrize(
    ("keep_last", "head", "forked", "ranges"),
    [
        (1, 3, (), [(1, 30)]),
        (2, 3, (1,), [(1, 10), (11, 20)]),
        (0, None, (2,), [(2, 20), (21, 30)]),
    ],
)
def test_only_the_last_version_of_a_range_is_kept(
    keep_last: int, head: int | None, forked: tuple[int, ...], ranges: list[tuple[int, int]]
) -> None:
    _, rows = pruned(with_checkpoints([None, 1, 2], head=head, forked=forked), keep_last)
    assert [(row["first"], row["last"]) for row in rows.of("hidden_entries")] == ranges


def test_a_dry_run_tells_and_writes_nothing() -> None:
    answer, rows = pruned(with_checkpoints([None, 1, 2], head=3, hidden=7), 1, dry_run=True)
    assert answer == {"checkpoints": [1, 2], "rows": 7}
    assert not rows


def test_a_chain_of_very_many_is_pruned_in_one_walk() -> None:
    many = 100_000
    _, rows = pruned(with_checkpoints([None, *range(1, many)], head=many), 1)
    assert adopted(rows) == {many: None}


@given(before=st.lists(asked, max_size=4), repeated=asked)
def test_a_key_answers_with_the_first_outcome_within_a_batch(before: list[Asked], repeated: Asked) -> None:
    seen = found()
    write = Write("test", b"same", "key")
    twice = [repeated.request(seen.head.id, write)] * 2
    outcomes, _, _ = decided(seen, *series_on(seen, before), *twice)
    first, again = outcomes[-2:]
    assert isinstance(first, FlowkeepError) or first == again


@pytest.mark.parametrize("shift", [timedelta(seconds=-1), timedelta(0)])
def test_a_lease_that_is_over_fences_nobody(shift: timedelta) -> None:
    seen = found()
    seen.head = seen.head._replace(lease_holder="h", lease_epoch=1, lease_expires_at=NOW + shift)
    assert decided(seen, *series_on(seen, [taken()]))[0] == [{"checkpoint": 1}]


def test_an_execution_that_is_not_there_is_not_found() -> None:
    key = uuid4()
    answer = Decided({key: None}).answer(WriteRequest(key, Write("test", b""), lambda draft: {}))
    assert isinstance(answer, FlowkeepError)
    assert answer.code == "NOT_FOUND"


def test_appending_to_what_holds_no_list_is_refused_whatever_was_asked_of_it() -> None:
    seen = found()
    seen.variables["a"] = Variable(True, False, None)
    (answer,), _, _ = decided(seen, *series_on(seen, [saved("append", {"a": [1]})]))
    assert isinstance(answer, FlowkeepError)
    assert "holds no list" in answer.message


def test_levels_of_logs_are_kept() -> None:
    seen = found()
    _, _, rows = decided(seen, *series_on(seen, [appended(2)]))
    assert rows.of("log_entries")[0]["level"] == LogLevel.INFO
