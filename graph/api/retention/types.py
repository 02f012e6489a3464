"""RetentionPolicy, -Run and -Preview: what may go, what went, what would; and Hold, by which nothing goes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Self

import strawberry

from db.enums import Scope
from db.queries.pages import Row
from db.queries.sources import EXECUTIONS, HOLDS, POLICIES, RUNS, WORKFLOWS, Source
from db.retention.preview import Preview
from graph.context import Info
from graph.enums import ExecutionStatus, RunStatus, Subject
from graph.ids import Kind, encode
from graph.loaded import loaded
from graph.nodes import Node, node_of
from graph.scalars import JSON, JSONObject, Long


@node_of(Kind.POLICY, POLICIES, Scope.ADMIN)
@strawberry.type(
    description="What may go, and how long after its end. Whatever one policy takes goes, whatever the "
    "others say; but nothing that has not ended, nothing on hold, and no base of a fork that stays."
)
class RetentionPolicy(Node):
    name: str = strawberry.field(description="Its name, unique.")
    workflow_name: str | None = strawberry.field(
        description="The workflow whose executions it takes, in all versions; null for all workflows."
    )
    statuses: list[ExecutionStatus] | None = strawberry.field(
        description="How the executions ended that it takes; null for every end."
    )
    keep_executions: timedelta | None = strawberry.field(
        description="How long after its end an execution goes with everything of it; null: it stays."
    )
    keep_logs: timedelta | None = strawberry.field(
        description="How long after an execution's end its log goes; null: with the execution."
    )
    keep_checkpoints: timedelta | None = strawberry.field(
        description="How long after an execution's end its checkpoints go, but for the last and the bases of "
        "forks, with the versions of its state that only they could see; null: with the execution."
    )
    keep_last: int | None = strawberry.field(
        description="So many of the newest executions of each workflow that it would take are spared."
    )
    enabled: bool = strawberry.field(description="Whether it is applied by itself, and with all others.")
    created_by: str = strawberry.field(description="Who created it.")
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    revision: Long = strawberry.field(description="Counts its changes, from 1.")


@node_of(Kind.RUN, RUNS, Scope.ADMIN)
@strawberry.type(description="One application of policies, and the receipt of it.")
class RetentionRun(Node):
    actor: str = strawberry.field(description="Who asked for it; `retention` where nobody did.")
    status: RunStatus = strawberry.field(description="Where it stands.")
    policies: JSON = strawberry.field(description="What the policies said when it started; ages in seconds.")
    deleted: JSONObject = strawberry.field(description="How many rows are gone, by table.")
    partitions: list[str] = strawberry.field(description="The partitions that were dropped as a whole.")
    batches: Long = strawberry.field(description="How many transactions it took.")
    started_at: datetime = strawberry.field(description="When it started: ages are measured from then.")
    updated_at: datetime = strawberry.field(description="When its last batch was done.")
    finished_at: datetime | None = strawberry.field(description="When it was over; null while it is not.")


@strawberry.type(description="What would go of one table.")
class RetentionTable:
    table: str = strawberry.field(description="The table.")
    rows: Long = strawberry.field(description="How many rows.")
    bytes: Long = strawberry.field(description="How many bytes the rows take, without indexes.")


@strawberry.type(
    description="What policies would take now. Executions are counted; rows and bytes are measured for up to "
    "200 executions, and scaled up where there are more."
)
class RetentionPreview:
    """A look ahead that changes nothing."""

    executions: Long = strawberry.field(description="Executions that would go as a whole.")
    with_logs: Long = strawberry.field(description="Others that would lose their logs.")
    with_checkpoints: Long = strawberry.field(description="Others that would lose old checkpoints.")
    oldest: datetime | None = strawberry.field(description="When the first of the executions ended.")
    newest: datetime | None = strawberry.field(description="When the last of the executions ended.")
    tables: list[RetentionTable] = strawberry.field(description="Rows and bytes by table.")
    partitions: list[str] = strawberry.field(
        description="Partitions of executions that would be dropped as a whole, with those of other tables."
    )
    exact: bool = strawberry.field(description="Whether the rows were counted rather than scaled up.")

    @classmethod
    def of(cls, preview: Preview) -> Self:
        """The type for what `db` found."""
        tables = [
            RetentionTable(table=share.table, rows=Long(share.rows), bytes=Long(share.bytes))
            for share in preview.tables
        ]
        return cls(
            executions=Long(preview.executions),
            with_logs=Long(preview.with_logs),
            with_checkpoints=Long(preview.with_checkpoints),
            oldest=preview.oldest,
            newest=preview.newest,
            tables=tables,
            partitions=list(preview.partitions),
            exact=preview.exact,
        )


if TYPE_CHECKING:
    from graph.api.executions.types import Execution
    from graph.api.workflows.types import Workflow

_EXECUTION = Annotated["Execution", strawberry.lazy("graph.api.executions.types")]


_WORKFLOW = Annotated["Workflow", strawberry.lazy("graph.api.workflows.types")]


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
    subject_type: Subject = strawberry.field(description="What it is on.")
    reason: str = strawberry.field(description="Why.")
    placed_by: str = strawberry.field(description="Who placed it.")
    placed_at: datetime = strawberry.field(description="When it was placed.")

    @strawberry.field(description="The id of the execution or workflow version that it is on.")
    def subject_id(self) -> strawberry.ID:
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
