"""An execution's state, now or at any version, and the checkpoints that name versions."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import UUID

import orjson
import strawberry

from db.errors import InvalidInput, NotFound
from db.jsonb import same_json
from db.queries import states, steps
from db.queries.filters import HistoryFilter
from db.queries.pages import Row
from db.queries.sources import CHECKPOINTS, EXECUTIONS, HISTORY_OF_VARIABLE, STATE_ENTRIES, STATES, STEPS
from graph.auth.scopes import READ
from graph.builders import build
from graph.connections import Listing, connection
from graph.context import Info
from graph.enums import Direction, StateOp, VersionOrderField
from graph.ids import Kind, decode_as, encode
from graph.loaded import loaded, reference
from graph.loaders import Load
from graph.nodes import Node, loaded_by, node_of, required_rows
from graph.scalars import JSON, JSONObject, Long

if TYPE_CHECKING:
    from graph.types.executions import Execution
    from graph.types.steps import Step

_EXECUTION = Annotated["Execution", strawberry.lazy("graph.types.executions")]
_CHECKPOINT = Annotated["Checkpoint", strawberry.lazy("graph.types.states")]
VariableKey = Annotated[str, strawberry.argument(description="The variable's name.")]


@node_of(Kind.VARIABLE_CHANGE, STATE_ENTRIES)
@strawberry.type(description="What one save did to a variable.")
class VariableChange(Node):
    """A row of state_entries."""

    version: Long = strawberry.field(description="The state's version that the save made.")
    op: StateOp = strawberry.field(description="What was done.")
    value: JSON | None = strawberry.field(
        description="The value that was set, or the list of items that were appended."
    )
    recorded_at: datetime = strawberry.field(description="When, by the database's clock.")


@strawberry.input(description="The order of a variable's history.")
class VersionOrder:
    """A field and a direction."""

    field: VersionOrderField = strawberry.field(
        default=VersionOrderField.VERSION, description="What to order by."
    )
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")


VersionsOrdered = Annotated[
    VersionOrder | None, strawberry.argument(description="In which order; oldest first by default.")
]


async def _every_version(info: Info, value: None) -> HistoryFilter:
    return HistoryFilter()


_HISTORY = Listing(None, VersionsOrdered, _every_version, ("VERSION", False))


@strawberry.type(description="A variable of an execution's state.")
class StateVariable:
    """One key at one version; `row` says whose, and at which."""

    row: strawberry.Private[dict[str, Any]]
    key: str = strawberry.field(description="Its name.")
    value: JSON = strawberry.field(description="Its value.")

    history = connection(
        HISTORY_OF_VARIABLE,
        VariableChange,
        _HISTORY,
        ("execution_id", "key", "version"),
        "What the saves up to this state's version did to it.",
    )


@strawberry.type(description="How a variable differs between two checkpoints.")
class VariableDifference:
    """One key at two versions."""

    key: str = strawberry.field(description="The variable's name.")
    before: JSON | None = strawberry.field(description="Its value then; null also where it was not there.")
    after: JSON | None = strawberry.field(description="Its value now; null also where it is not there.")


@strawberry.type(description="What lies between two checkpoints.")
class CheckpointDifference:
    """Two versions compared."""

    added: list[VariableDifference] = strawberry.field(description="Variables that were not there.")
    changed: list[VariableDifference] = strawberry.field(description="Variables with another value.")
    removed: list[VariableDifference] = strawberry.field(description="Variables that are not there any more.")
    steps_done: list[Annotated["Step", strawberry.lazy("graph.types.steps")]] = strawberry.field(
        description="The attempts that were done in between."
    )


_PLACE = ("execution_id", "version")


def _places(rows: Sequence[Row]) -> list[tuple[UUID, int]]:
    return [(row["execution_id"], row["version"]) for row in rows]


async def _variables(info: Info, rows: Sequence[Row]) -> list[JSONObject]:
    """The values' texts are put together, not parsed."""
    found = await info.context.loaders.batch(states.fetch_variables, _places(rows))
    return [
        JSONObject(f"{{{','.join(f'{_quoted(key)}:{value}' for key, value in values.items())}}}")
        for values in found
    ]


async def _variable(info: Info, rows: Sequence[Row], key: VariableKey) -> list[StateVariable | None]:
    """Reads that one alone."""
    asked = [(*place, key) for place in _places(rows)]
    found = await info.context.loaders.batch(states.fetch_variable, asked)

    def variable(execution: UUID, version: int, value: str | None) -> StateVariable | None:
        row = {"execution_id": execution, "key": key, "version": version}
        return None if value is None else StateVariable(row=row, key=key, value=JSON(value))

    return [variable(*place, value) for place, value in zip(_places(rows), found, strict=True)]


async def _fields(info: Info, rows: Sequence[Row], name: str) -> dict[tuple[UUID, int], dict[str, str]]:
    """The state's own fields as JSON texts, of the versions that are not the head: its row holds them."""
    older = _places([row for row in rows if name not in row])
    return dict(zip(older, await info.context.loaders.batch(states.fetch_fields, older), strict=True))


def _own(name: str, absent: Any) -> Load:
    """Loads one of the state's own fields, which is `absent` where it was never set."""

    async def load(info: Info, rows: Sequence[Row]) -> list[Any]:
        older = await _fields(info, rows, name)

        def value(row: Row, place: tuple[UUID, int]) -> Any:
            if name in row:
                return row[name]
            text = older[place].get(name)
            return absent if text is None else orjson.loads(text)

        return [value(row, place) for row, place in zip(rows, _places(rows), strict=True)]

    return load


async def _parallel_groups(info: Info, rows: Sequence[Row]) -> list[Any]:
    name = "parallel_groups"
    older = await _fields(info, rows, name)
    return [
        row[name] if name in row else older[place].get(name)
        for row, place in zip(rows, _places(rows), strict=True)
    ]


@node_of(Kind.STATE, STATES)
@strawberry.type(description="What an execution knows at one version of its state.")
class ExecutionState(Node):
    """The head, from its row; or an older version, read back from the versioned rows."""

    version: Long = strawberry.field(description="Counts the saves, from 1; 0 is the empty state.")

    @classmethod
    def at(cls, execution: UUID, version: int) -> Self:
        """The state of an execution at a version that it has had."""
        row: Any = {"execution_id": execution, "version": version}
        key = encode(Kind.STATE_VERSION, execution, version)
        return cls(row=row, id=strawberry.ID(key), version=Long(version))

    variables = loaded(_variables, JSONObject, "All variables by key.", *_PLACE)
    variable = loaded(
        _variable, StateVariable | None, "One variable; null where there is none with this key.", *_PLACE
    )
    current_step = loaded(
        _own("current_step", None), str | None, "The step that it is at.", *_PLACE, "current_step"
    )
    completed_steps = loaded(
        _own("completed_steps", []),
        list[str],
        "The keys of the steps that are done.",
        *_PLACE,
        "completed_steps",
    )
    failed_steps = loaded(
        _own("failed_steps", []), list[str], "The keys of the steps that failed.", *_PLACE, "failed_steps"
    )
    skipped_steps = loaded(
        _own("skipped_steps", []),
        list[str],
        "The keys of the steps that were left out.",
        *_PLACE,
        "skipped_steps",
    )
    parallel_groups = loaded(
        _parallel_groups,
        JSON | None,
        "The groups of steps that run side by side, as the engine keeps them.",
        *_PLACE,
        "parallel_groups",
    )

    @strawberry.field(description="When it was last saved; null for an older version than the present.")
    def updated_at(self) -> datetime | None:
        """Only the head keeps it."""
        moment: datetime | None = self.row.get("updated_at")
        return moment

    execution = reference(EXECUTIONS, ("execution_id",), _EXECUTION, "The execution that it belongs to.")


async def states_at(
    info: Info, places: Sequence[tuple[UUID, int]]
) -> list[ExecutionState | InvalidInput | NotFound]:
    """The states of executions at versions that can be read back.

    `InvalidInput` stands for a version that never was, `NotFound` for one that was pruned.
    """
    heads = await required_rows(info, Kind.STATE, [(execution,) for execution, _ in places])
    pruned = [
        place
        for place, head in zip(places, heads, strict=True)
        if not isinstance(head, NotFound) and 0 <= place[1] < head["pruned_to"]
    ]
    kept = dict(zip(pruned, await info.context.loaders.batch(states.fetch_named, pruned), strict=True))

    def state(place: tuple[UUID, int], head: Row | NotFound) -> ExecutionState | InvalidInput | NotFound:
        version = place[1]
        if isinstance(head, NotFound):
            return head
        if not 0 <= version <= head["version"]:
            return InvalidInput(
                f"The state has the versions 0 to {head['version']}; {version} is none of them."
            )
        if not kept.get(place, True):
            return NotFound("version", f"{version} of this state any more: it was pruned")
        return ExecutionState.at(*place)

    return [state(place, head) for place, head in zip(places, heads, strict=True)]


loaded_by(Kind.STATE_VERSION, states_at)


From = Annotated[
    strawberry.ID, strawberry.argument(name="from", description="The checkpoint to compare with.")
]


async def _differences(
    info: Info, rows: Sequence[Row], from_: From
) -> list[CheckpointDifference | InvalidInput]:
    """All states in one statement, all steps in another."""
    (other,) = await required_rows(info, Kind.CHECKPOINT, [decode_as(Kind.CHECKPOINT, from_)])
    if isinstance(other, NotFound):
        raise other
    own = [row for row in rows if row["execution_id"] == other["execution_id"]]
    places = [(row["execution_id"], row["state_version"]) for row in [other, *own]]
    before, *after = await info.context.loaders.batch(states.fetch_variables, places)
    spans = [(row["execution_id"], *sorted((other["event_seq"], row["event_seq"]))) for row in own]
    done = iter(await info.context.loaders.batch(steps.fetch_done_between, spans))
    values = iter(after)

    def difference(row: Row) -> CheckpointDifference | InvalidInput:
        if row["execution_id"] != other["execution_id"]:
            return InvalidInput(f"{from_} is a checkpoint of another execution; there is nothing to compare.")
        return CheckpointDifference(
            **_compared(before, next(values)), steps_done=[build(STEPS, step) for step in next(done)]
        )

    return [difference(row) for row in rows]


@node_of(Kind.CHECKPOINT, CHECKPOINTS)
@strawberry.type(description="A version of an execution's state that was named to come back to.")
class Checkpoint(Node):
    """A row of checkpoints."""

    seq: Long = strawberry.field(description="Counts the checkpoints of the execution, from 1, without gaps.")
    step_key: str | None = strawberry.field(directives=[READ], description="The step that it was taken at.")
    label: str | None = strawberry.field(directives=[READ], description="Its name for people.")
    state_version: Long = strawberry.field(description="The state's version that it names.")
    data: JSON | None = strawberry.field(
        directives=[READ], description="What the engine keeps beside the state."
    )
    created_by: str = strawberry.field(directives=[READ], description="Who took it.")
    created_at: datetime = strawberry.field(description="When it was taken.")

    parent = reference(
        CHECKPOINTS,
        ("execution_id", "parent_seq"),
        _CHECKPOINT | None,
        "The checkpoint that it followed.",
    )
    diff = loaded(
        _differences,
        CheckpointDifference,
        "What changed from another checkpoint of the same execution to this one.",
        *_PLACE[:1],
        "state_version",
        "event_seq",
    )

    @strawberry.field(description="The state at this checkpoint.")
    def state(self) -> ExecutionState:
        """Read back from the versioned rows."""
        return ExecutionState.at(self.row["execution_id"], self.state_version)

    execution = reference(EXECUTIONS, ("execution_id",), _EXECUTION, "The execution that it belongs to.")


def _compared(before: dict[str, str], after: dict[str, str]) -> dict[str, list[VariableDifference]]:
    """What differs, by the values that the texts stand for."""

    def entry(key: str) -> VariableDifference:
        return VariableDifference(key=key, before=JSON(before.get(key)), after=JSON(after.get(key)))

    common = before.keys() & after.keys()
    return {
        "added": [entry(key) for key in sorted(after.keys() - before.keys())],
        "changed": [entry(key) for key in sorted(common) if not same_json(before[key], after[key])],
        "removed": [entry(key) for key in sorted(before.keys() - after.keys())],
    }


def _quoted(key: str) -> str:
    return orjson.dumps(key).decode()
