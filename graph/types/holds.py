"""Hold: what keeps retention and deletions off an execution, or off a workflow version and all of its."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from db.queries.pages import Row
from db.queries.sources import EXECUTIONS, HOLDS, WORKFLOWS, Source
from graph.context import Info
from graph.enums import Subject
from graph.ids import Kind, encode
from graph.loaded import loaded
from graph.nodes import Node, node_of

if TYPE_CHECKING:
    from graph.types.executions import Execution
    from graph.types.workflows import Workflow

_EXECUTION = Annotated["Execution", strawberry.lazy("graph.types.executions")]
_WORKFLOW = Annotated["Workflow", strawberry.lazy("graph.types.workflows")]


def _subject(kind: Subject, source: Source, shown: object, description: str) -> Any:
    """A field that shows what the hold is on where that is of this kind; null where it is of another."""

    async def load(info: Info, rows: Sequence[Row]) -> list[Row | None]:
        there = [row["subject_type"] == kind for row in rows]
        keys = [(row["subject_id"],) for row, fits in zip(rows, there, strict=True) if fits]
        found = iter(await info.context.loaders.fetch_rows(source, keys))
        return [next(found) if fits else None for fits in there]

    return loaded(load, shown, description, "subject_id", "subject_type", source=source)


@node_of(Kind.HOLD, HOLDS)
@strawberry.type(description="A hold: what it is on can neither be deleted nor go by itself.")
class Hold(Node):
    """A row of holds."""

    subject_type: Subject = strawberry.field(description="What it is on.")
    reason: str = strawberry.field(description="Why.")
    placed_by: str = strawberry.field(description="Who placed it.")
    placed_at: datetime = strawberry.field(description="When it was placed.")

    @strawberry.field(description="The id of the execution or workflow version that it is on.")
    def subject_id(self) -> strawberry.ID:
        """In its public form."""
        return strawberry.ID(encode(Kind[self.row["subject_type"]], self.row["subject_id"]))

    execution = _subject(
        Subject.EXECUTION,
        EXECUTIONS,
        _EXECUTION | None,
        "The execution that it is on; null where it is on a workflow version.",
    )
    workflow = _subject(
        Subject.WORKFLOW,
        WORKFLOWS,
        _WORKFLOW | None,
        "The workflow version that it is on; null where it is on an execution.",
    )
