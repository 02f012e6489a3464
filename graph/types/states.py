"""An execution's state, now or at any version, and the checkpoints that name versions."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import UUID

import orjson
import strawberry

from db.queries.sources import CHECKPOINTS, EXECUTIONS, STATES
from graph.context import Info
from graph.ids import Kind, encode
from graph.nodes import Node, load_optional, node_of
from graph.scalars import JSON, JSONObject, Long

if TYPE_CHECKING:
    from graph.types.executions import Execution

StepKeys = list[str]


@node_of(Kind.STATE, STATES)
@strawberry.type(description="What an execution knows at one version of its state.")
class ExecutionState(Node):
    """The head, from its row; or an older version, read back from the versioned rows."""

    version: Long = strawberry.field(description="Counts the saves, from 1; 0 is the empty state.")

    @classmethod
    def at(cls, execution: UUID, version: int) -> Self:
        """The state of an execution at a version that it has had."""
        row: Any = {"execution_id": execution, "version": version}
        return cls(row=row, id=strawberry.ID(encode(Kind.STATE, execution)), version=Long(version))

    @strawberry.field(description="All variables by key.")
    async def variables(self, info: Info) -> JSONObject:
        """One statement a level; the values' texts are put together, not parsed."""
        values = await info.context.loaders.variables.load(self._place())
        return JSONObject(f"{{{','.join(f'{_quoted(key)}:{value}' for key, value in values.items())}}}")

    @strawberry.field(description="The step that it is at.")
    async def current_step(self, info: Info) -> str | None:
        """One of the state's own fields."""
        step: str | None = await self._field(info, "current_step", None)
        return step

    @strawberry.field(description="The keys of the steps that are done.")
    async def completed_steps(self, info: Info) -> StepKeys:
        """One of the state's own fields."""
        keys: StepKeys = await self._field(info, "completed_steps", [])
        return keys

    @strawberry.field(description="The keys of the steps that failed.")
    async def failed_steps(self, info: Info) -> StepKeys:
        """One of the state's own fields."""
        keys: StepKeys = await self._field(info, "failed_steps", [])
        return keys

    @strawberry.field(description="The keys of the steps that were left out.")
    async def skipped_steps(self, info: Info) -> StepKeys:
        """One of the state's own fields."""
        keys: StepKeys = await self._field(info, "skipped_steps", [])
        return keys

    @strawberry.field(description="The groups of steps that run side by side, as the engine keeps them.")
    async def parallel_groups(self, info: Info) -> JSON | None:
        """One of the state's own fields; the head's row holds it as text."""
        groups = await self._field(info, "parallel_groups", None)
        return JSON(groups if groups is None or isinstance(groups, str) else orjson.dumps(groups).decode())

    @strawberry.field(description="When it was last saved; null for an older version than the present.")
    def updated_at(self) -> datetime | None:
        """Only the head keeps it."""
        moment: datetime | None = self.row.get("updated_at")
        return moment

    @strawberry.field(description="The execution that it belongs to.")
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


@node_of(Kind.CHECKPOINT, CHECKPOINTS)
@strawberry.type(description="A version of an execution's state that was named to come back to.")
class Checkpoint(Node):
    """A row of checkpoints."""

    seq: Long = strawberry.field(description="Counts the checkpoints of the execution, from 1, without gaps.")
    step_key: str | None = strawberry.field(description="The step that it was taken at.")
    label: str | None = strawberry.field(description="Its name for people.")
    state_version: Long = strawberry.field(description="The state's version that it names.")
    data: JSON | None = strawberry.field(description="What the engine keeps beside the state.")
    created_by: str = strawberry.field(description="Who took it.")
    created_at: datetime = strawberry.field(description="When it was taken.")

    @strawberry.field(description="The checkpoint that it followed.")
    async def parent(self, info: Info) -> "Checkpoint | None":
        """None for the first."""
        if self.row["parent_seq"] is None:
            return None
        parent: Checkpoint | None = await load_optional(
            info, CHECKPOINTS, (self.row["execution_id"], self.row["parent_seq"])
        )
        return parent

    @strawberry.field(description="The state at this checkpoint.")
    def state(self) -> ExecutionState:
        """Read back from the versioned rows."""
        return ExecutionState.at(self.row["execution_id"], self.state_version)

    @strawberry.field(description="The execution that it belongs to.")
    async def execution(
        self, info: Info
    ) -> Annotated["Execution", strawberry.lazy("graph.types.executions")]:
        """A foreign key, so always there."""
        execution: Execution = await load_optional(info, EXECUTIONS, (self.row["execution_id"],))
        return execution


def _quoted(key: str) -> str:
    return orjson.dumps(key).decode()
