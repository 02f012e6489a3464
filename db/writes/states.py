"""State: every save is a new version that writes rows for what changed, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from db.engine import Database
from db.enums import EventType, StateOp
from db.errors import InvalidInput, VersionConflict
from db.jsonb import exact_text, same_json
from db.merge import merge_patch
from db.writes.answers import Outcome
from db.writes.batch import WriteRequest
from db.writes.draft import Draft, json_text
from db.writes.needs import Needs
from db.writes.seen import ABSENT, Variable
from db.writes.write import Write
from db.writes.writer import writer_of

_LISTS = ("completed_steps", "failed_steps", "skipped_steps")


@dataclass(frozen=True)
class StateChange:
    """What a save changes.

    `variables` is the full set; or `patch` (RFC 7396, by variable) and `appends` (items for lists) change
    some. `fields` are the state's own (`current_step`, `completed_steps` …); those not in it stay.
    """

    variables: Mapping[str, Any] | None = None
    patch: Mapping[str, Any] | None = None
    appends: Mapping[str, Sequence[Any]] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    expected_version: int | None = None

    def __post_init__(self) -> None:
        """Refuse what can't be meant."""
        if self.variables is not None and (self.patch is not None or self.appends is not None):
            raise InvalidInput("Give either `variables`, the full set, or a patch and appends; not both.")
        if both := sorted(set(self.patch or ()) & set(self.appends or ())):
            raise InvalidInput(f"Variable {both[0]!r} is both patched and appended to; do one of them.")
        for key, items in (self.appends or {}).items():
            if not isinstance(items, list):
                raise InvalidInput(f"What is appended to {key!r} is a list of items.")
        require_keys([*(self.variables or ()), *(self.patch or ()), *(self.appends or ())])


def require_keys(keys: Sequence[str]) -> None:
    """Raise `InvalidInput` for a variable's name that can't be one."""
    lengths = list(map(len, keys))
    if lengths and not 1 <= min(lengths) <= max(lengths) <= 500:
        raise InvalidInput("The name of a variable has 1 to 500 characters.")


def needs_of(change: StateChange) -> Needs:
    """What a save needs to see: the values that it is compared with, and no others."""
    patch = change.patch or {}
    gone = [key for key, value in patch.items() if value is None]
    return Needs(
        state=True,
        fields=bool(change.fields),
        every_value=change.variables is not None,
        values=frozenset(patch).difference(gone),
        kinds=frozenset([*(change.appends or ()), *gone]),
    )


async def save_state(database: Database, execution_id: UUID, write: Write, change: StateChange) -> int:
    """Save a state; returns its new version.

    Raises `VersionConflict` where `change.expected_version` is not the present one, `InvalidTransition` for
    an execution that has ended, and `StaleLease` without the epoch of a lease that is valid.
    """
    version: int = (await writer_of(database).write(saving(execution_id, write, change)))["version"]
    return version


def saving(execution_id: UUID, write: Write, change: StateChange) -> WriteRequest:
    """A save to be made; its outcome has the `version`."""

    def decide(draft: Draft) -> Outcome:
        draft.require_lease()
        draft.require_live()
        return {"version": save(draft, change)}

    return WriteRequest(execution_id, write, decide, needs_of(change))


def save(draft: Draft, change: StateChange) -> int:
    """Save within a write; returns the new version."""
    before = draft.state
    if change.expected_version is not None and before.version != change.expected_version:
        raise VersionConflict(change.expected_version, before.version)
    version = before.version + 1
    keys = _change_variables(draft, version, change)
    fields = _change_fields(draft, version, change.fields)
    draft.set_state(before._replace(version=version), updated_at=draft.now)
    changes: dict[str, Any] = {"version": {"before": before.version, "after": version}}
    if keys:
        changes["variables"] = {"after": sorted(keys)}
    draft.note(EventType.STATE_SAVED, changes | fields)
    return version


def _change_variables(draft: Draft, version: int, change: StateChange) -> list[str]:
    """The rows of a version; returns the keys that changed."""
    gone: list[str] = []
    if change.variables is not None:
        gone += [key for key, there in draft.variables.items() if there.there and key not in change.variables]
        return [*_set(draft, version, change.variables), *_delete(draft, version, gone)]
    values: dict[str, Any] = {}
    for key, value in (change.patch or {}).items():
        if value is None:
            gone.append(key)
        else:
            values[key] = merge_patch(_value(draft, key), value) if isinstance(value, dict) else value
    appends = {key: items for key, items in (change.appends or {}).items() if items}
    return [*_set(draft, version, values), *_delete(draft, version, gone), *_append(draft, version, appends)]


def _value(draft: Draft, key: str) -> Any:
    text = draft.variables[key].text
    return None if text is None else orjson.loads(text)


def _set(draft: Draft, version: int, values: Mapping[str, Any]) -> list[str]:
    """Set the variables whose values differ from what is there."""
    changed, variables = [], draft.variables
    for key, value in values.items():
        text = json_text(value)
        before = variables.get(key, ABSENT)
        if before.there and before.parts == (text,):
            continue  # as most of a patch is, which need not be read again for that
        there = before.text
        if there is None or not same_json(text, there):
            draft.set_variable(key, Variable(True, isinstance(value, list), (text,)))
            _enter(draft, key, version, StateOp.SET, text)
            changed.append(key)
    return changed


def _delete(draft: Draft, version: int, keys: Sequence[str]) -> list[str]:
    there = [key for key in keys if draft.variables[key].there]
    for key in there:
        draft.set_variable(key, ABSENT)
        _enter(draft, key, version, StateOp.DELETE, None)
    return there


def _append(draft: Draft, version: int, appends: Mapping[str, Sequence[Any]]) -> list[str]:
    for key, items in appends.items():
        before, text = draft.variables[key], json_text(items)
        if before.there and not before.is_list:
            raise InvalidInput(f"Variable {key!r} holds no list, so nothing can be appended to it.")
        parts = None if before.parts is None else (*before.parts, text)
        draft.set_variable(key, Variable(True, True, parts))
        _enter(draft, key, version, StateOp.APPEND, text)
    return list(appends)


def _enter(
    draft: Draft, key: str, version: int, op: StateOp, value: str | None, *, field: bool = False
) -> None:
    row = {"execution_id": draft.id, "field": field, "key": key, "version": version, "op": op}
    form = None if value is None else exact_text(value)
    draft.rows.add("state_entries", {**row, "value": value, "value_exact": form})


def _change_fields(draft: Draft, version: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """The rows of the state's own fields; returns what the event says of those that changed."""
    changes = {}
    for name, value in given.items():
        before = draft.fields[name]
        if same_json(json_text(value), json_text(before)):
            continue
        grown = name in _LISTS and bool(before) and value[: len(before)] == before
        if value is None:
            _enter(draft, name, version, StateOp.DELETE, None, field=True)
        elif grown:
            _enter(draft, name, version, StateOp.APPEND, json_text(value[len(before) :]), field=True)
        else:
            _enter(draft, name, version, StateOp.SET, json_text(value), field=True)
        draft.set_field(name, value)
        changes[name] = _difference(before, value)
    return changes


def _difference(before: Any, after: Any) -> dict[str, Any]:
    # A list that grew says by what: the whole of it in every event would cost more than the save.
    if isinstance(before, list) and isinstance(after, list) and after[: len(before)] == before:
        return {"added": after[len(before) :]}
    return {"before": before, "after": after}
