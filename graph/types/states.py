"""An execution's state, now or at any version, and the checkpoints that name versions."""

from asyncio import gather
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import UUID

import orjson
import strawberry

from db.errors import InvalidInput, NotFound
from db.jsonb import same_json
from db.queries.filters import HistoryFilter
from db.queries.pages import Row
from db.queries.sources import CHECKPOINTS, EXECUTIONS, HISTORY_OF_VARIABLE, STATE_ENTRIES, STATES, STEPS
from graph.auth.scopes import READ
from graph.connections import Listing, connection
from graph.context import Info
from graph.enums import Direction, StateOp, VersionOrderField
from graph.ids import Key, Kind, decode_as, encode
from graph.nodes import Node, build, load_node, load_optional, loaded_by, node_of, shown_as
from graph.scalars import JSON, JSONObject, Long

if TYPE_CHECKING:
    from graph.types.executions import Execution
    from graph.types.steps import Step

StepKeys = list[str]
VariableKey = Annotated[str, strawberry.argument(description="The variable's name.")]


@strawberry.type(description="What one save did to a variable.")
class VariableChange:
    """A row of state_entries."""

    version: Long = strawberry.field(description="The state's version that the save made.")
    op: StateOp = strawberry.field(description="What was done.")
    value: JSON | None = strawberry.field(
        description="The value that was set, or the list of items that were appended."
    )
    recorded_at: datetime = strawberry.field(description="When, by the database's clock.")

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """The change that a row holds."""
        return cls(**{name: row[name] for name in ("version", "op", "value", "recorded_at")})


shown_as(STATE_ENTRIES, VariableChange.from_row)


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

    @strawberry.field(description="All variables by key.", directives=[READ])
    async def variables(self, info: Info) -> JSONObject:
        """One statement a level; the values' texts are put together, not parsed."""
        values = await info.context.loaders.variables.load(self._place())
        return JSONObject(f"{{{','.join(f'{_quoted(key)}:{value}' for key, value in values.items())}}}")

    @strawberry.field(description="One variable; null where there is none with this key.", directives=[READ])
    async def variable(self, info: Info, key: VariableKey) -> "StateVariable | None":
        """Reads that one alone."""
        execution, version = self._place()
        value = await info.context.loaders.variable.load((execution, version, key))
        if value is None:
            return None
        row = {"execution_id": execution, "key": key, "version": version}
        return StateVariable(row=row, key=key, value=JSON(value))

    @strawberry.field(description="The step that it is at.", directives=[READ])
    async def current_step(self, info: Info) -> str | None:
        """One of the state's own fields."""
        step: str | None = await self._field(info, "current_step", None)
        return step

    @strawberry.field(description="The keys of the steps that are done.", directives=[READ])
    async def completed_steps(self, info: Info) -> StepKeys:
        """One of the state's own fields."""
        keys: StepKeys = await self._field(info, "completed_steps", [])
        return keys

    @strawberry.field(description="The keys of the steps that failed.", directives=[READ])
    async def failed_steps(self, info: Info) -> StepKeys:
        """One of the state's own fields."""
        keys: StepKeys = await self._field(info, "failed_steps", [])
        return keys

    @strawberry.field(description="The keys of the steps that were left out.", directives=[READ])
    async def skipped_steps(self, info: Info) -> StepKeys:
        """One of the state's own fields."""
        keys: StepKeys = await self._field(info, "skipped_steps", [])
        return keys

    @strawberry.field(
        description="The groups of steps that run side by side, as the engine keeps them.", directives=[READ]
    )
    async def parallel_groups(self, info: Info) -> JSON | None:
        """One of the state's own fields; the head's row holds it as text."""
        if "parallel_groups" in self.row:
            return JSON(self.row["parallel_groups"])
        fields = await info.context.loaders.state_fields.load(self._place())
        return JSON(fields.get("parallel_groups"))

    @strawberry.field(description="When it was last saved; null for an older version than the present.")
    def updated_at(self) -> datetime | None:
        """Only the head keeps it."""
        moment: datetime | None = self.row.get("updated_at")
        return moment

    @strawberry.field(description="The execution that it belongs to.", directives=[READ])
    async def execution(
        self, info: Info
    ) -> Annotated["Execution", strawberry.lazy("graph.types.executions")]:
        """A foreign key, so always there."""
        execution: Execution = await load_optional(info, EXECUTIONS, (self.row["execution_id"],))
        return execution

    def _place(self) -> tuple[UUID, int]:
        return self.row["execution_id"], self.version

    async def _field(self, info: Info, name: str, absent: Any) -> Any:
        if name in self.row:
            return self.row[name]
        fields = await info.context.loaders.state_fields.load(self._place())
        return orjson.loads(fields[name]) if name in fields else absent


async def state_at(info: Info, execution: UUID, version: int) -> ExecutionState:
    """The state at a version that can be read back.

    Raises `InvalidInput` for a version that never was, `NotFound` for one that was pruned.
    """
    head: ExecutionState = await load_node(info, Kind.STATE, (execution,))
    if not 0 <= version <= head.version:
        raise InvalidInput(f"The state has the versions 0 to {head.version}; {version} is none of them.")
    place = (execution, version)
    if version < head.row["pruned_to"] and not await info.context.loaders.checkpoint_at.load(place):
        raise NotFound("version", f"{version} of this state any more: it was pruned")
    return ExecutionState.at(*place)


async def _load_version(info: Info, key: Key) -> ExecutionState:
    execution, *version = key
    return await state_at(info, execution, version[0])


loaded_by(Kind.STATE_VERSION, _load_version)


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

    @strawberry.field(description="The checkpoint that it followed.", directives=[READ])
    async def parent(self, info: Info) -> "Checkpoint | None":
        """None for the first."""
        if self.row["parent_seq"] is None:
            return None
        parent: Checkpoint | None = await load_optional(
            info, CHECKPOINTS, (self.row["execution_id"], self.row["parent_seq"])
        )
        return parent

    @strawberry.field(
        description="What changed from another checkpoint of the same execution to this one.",
        directives=[READ],
    )
    async def diff(
        self,
        info: Info,
        from_: Annotated[
            strawberry.ID, strawberry.argument(name="from", description="The checkpoint to compare with.")
        ],
    ) -> CheckpointDifference:
        """Both states in one statement, the steps in another."""
        other: Checkpoint = await load_node(info, Kind.CHECKPOINT, decode_as(Kind.CHECKPOINT, from_))
        execution = self.row["execution_id"]
        if other.row["execution_id"] != execution:
            raise InvalidInput(f"{from_} is a checkpoint of another execution; there is nothing to compare.")
        loaders = info.context.loaders
        before, after = await gather(
            loaders.variables.load((execution, other.state_version)),
            loaders.variables.load((execution, self.state_version)),
        )
        low, high = sorted((other.row["event_seq"], self.row["event_seq"]))
        done = await loaders.steps_done_between.load((execution, low, high))
        return CheckpointDifference(
            **_compared(before, after), steps_done=[build(STEPS, row) for row in done]
        )

    @strawberry.field(description="The state at this checkpoint.")
    def state(self) -> ExecutionState:
        """Read back from the versioned rows."""
        return ExecutionState.at(self.row["execution_id"], self.state_version)

    @strawberry.field(description="The execution that it belongs to.", directives=[READ])
    async def execution(
        self, info: Info
    ) -> Annotated["Execution", strawberry.lazy("graph.types.executions")]:
        """A foreign key, so always there."""
        execution: Execution = await load_optional(info, EXECUTIONS, (self.row["execution_id"],))
        return execution


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
