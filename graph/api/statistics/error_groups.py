"""Errors brought together by what they have in common."""

from collections.abc import Sequence
from datetime import datetime

import strawberry

from db.queries.pages import Row
from db.queries.sources import EXECUTIONS, STEPS, WORKFLOWS
from graph.api.executions.types import Execution
from graph.api.steps.types import Step
from graph.api.workflows.types import Workflow
from graph.context import Info
from graph.loaded import fetch_listed, loaded, reference
from graph.scalars import Long


@strawberry.type(description="The newest failure of its kind.")
class FailureSample:
    row: strawberry.Private[Row]

    @strawberry.field(description="The message as it was reported, at most 2,000 characters of it.")
    def message(self) -> str:
        return self.row["sample"] or ""

    execution = reference(
        EXECUTIONS, ("execution_id",), Execution | None, "The execution in which it happened."
    )
    step = reference(
        STEPS,
        ("execution_id", "seq"),
        Step | None,
        "The attempt that failed; null where the execution itself did.",
    )


async def _workflows(info: Info, rows: Sequence[Row]) -> list[list[Row]]:
    return await fetch_listed(info, WORKFLOWS, [[(key,) for key in row["workflows"]] for row in rows])


@strawberry.type(description="Failures with the same code, and the same message but for its particulars.")
class ErrorGroup:
    row: strawberry.Private[Row]
    fingerprint: str = strawberry.field(description="Names the kind: the same at all times.")
    code: str | None = strawberry.field(description="The engine's own code for it.")
    message: str = strawberry.field(
        description="The message with placeholders for numbers (`<n>`), moments (`<time>`), ids (`<uuid>`, "
        "`<hex>`), places (`<path>`, `<url>`) and quoted words (`<text>`)."
    )
    count: Long = strawberry.field(description="How many there were, of executions and of attempts at steps.")
    executions: Long = strawberry.field(description="In how many executions.")
    first_seen: datetime = strawberry.field(description="When the first ended so.")
    last_seen: datetime = strawberry.field(description="When the last ended so.")

    workflows = loaded(
        _workflows,
        list[Workflow],
        "The workflow versions in which it happened, oldest first, at most 50.",
        "workflows",
        source=WORKFLOWS,
    )

    @strawberry.field(description="The newest of them.")
    def sample(self) -> FailureSample:
        return FailureSample(row=self.row)

    @classmethod
    def of(cls, row: Row) -> "ErrorGroup":
        """The group that a row tells of."""
        names = ("fingerprint", "code", "message", "count", "executions", "first_seen", "last_seen")
        return cls(row=row, **{name: row[name] for name in names})


@strawberry.type(description="Kinds of errors, and the window of time that they were looked for in.")
class ErrorGroups:
    start: datetime = strawberry.field(name="from", description="Executions created from here on.")
    end: datetime = strawberry.field(name="to", description="Executions created up to here.")
    groups: list[ErrorGroup] = strawberry.field(description="The groups, the most frequent first.")
    has_more: bool = strawberry.field(description="Whether there are more groups than were asked for.")
