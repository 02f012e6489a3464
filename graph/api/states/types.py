"""An execution's state, now or at any version, and what became of its variables."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import UUID

import orjson
import strawberry

from db.errors import InvalidInput, NotFound
from db.queries import states
from db.queries.pages import Row
from db.queries.sources import EXECUTIONS, HISTORY_OF_VARIABLE, STATE_ENTRIES, STATES
from graph.api.states.filters import HISTORY_LISTED
from graph.connections import connection
from graph.context import Info
from graph.enums import StateOp
from graph.ids import Kind, encode
from graph.loaded import loaded, reference
from graph.loaders import Load
from graph.nodes import Node, loaded_by, node_of, required_rows
from graph.scalars import JSON, JSONObject, Long

if TYPE_CHECKING:
    from graph.api.executions.types import Execution

_EXECUTION = Annotated["Execution", strawberry.lazy("graph.api.executions.types")]
VariableKey = Annotated[str, strawberry.argument(description="The variable's name.")]


@node_of(Kind.VARIABLE_CHANGE, STATE_ENTRIES)
@strawberry.type(description="What one save did to a variable.")
class VariableChange(Node):
    version: Long = strawberry.field(description="The state's version that the save made.")
    op: StateOp = strawberry.field(description="What was done.")
    value: JSON | None = strawberry.field(
        description="The value that was set, or the list of items that were appended."
    )
    recorded_at: datetime = strawberry.field(description="When, by the database's clock.")


@strawberry.type(description="A variable of an execution's state.")
class StateVariable:
    """One key at one version; `row` says whose, and at which."""

    row: strawberry.Private[dict[str, Any]]
    key: str = strawberry.field(description="Its name.")
    value: JSON = strawberry.field(description="Its value.")

    history = connection(
        HISTORY_OF_VARIABLE,
        VariableChange,
        HISTORY_LISTED,
        ("execution_id", "key", "version"),
        "What the saves up to this state's version did to it.",
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


def _quoted(key: str) -> str:
    return orjson.dumps(key).decode()
