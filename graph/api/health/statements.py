"""Which statements cost the database most, in types."""

from datetime import datetime
from typing import Annotated

import strawberry

from db.errors import InvalidInput
from db.queries.statements import costliest
from graph.auth.scopes import ADMIN
from graph.context import Info
from graph.scalars import Long

_MOST = 100
_DEFAULT = 10


@strawberry.type(description="An SQL statement, and what its calls have cost together.")
class StatementCost:
    """One statement with whatever constants."""

    text: str = strawberry.field(
        description="The statement, with parameters in place of constants: its first 4,000 characters."
    )
    calls: Long = strawberry.field(description="How many times it was executed.")
    total: float = strawberry.field(description="Milliseconds that this took.")
    mean: float = strawberry.field(description="Milliseconds a call.")
    rows: Long = strawberry.field(description="Rows that it returned or changed.")
    share: float | None = strawberry.field(
        description="Its part of the time of all statements of this database, 0 to 1."
    )


@strawberry.type(description="What PostgreSQL's pg_stat_statements has counted of this database.")
class StatementCosts:
    """The costliest statements, or why they can't be told."""

    missing: str | None = strawberry.field(
        description="Why there is nothing: what PostgreSQL lacks, and who mends that how. Null where it "
        "lacks nothing."
    )
    since: datetime | None = strawberry.field(description="Since when it counts.")
    costliest: list[StatementCost] = strawberry.field(
        description="The statements that took most time altogether, the costliest first."
    )


async def _costliest(
    self: object,
    info: Info,
    first: Annotated[
        int, strawberry.argument(description=f"How many statements at most; {_MOST} is the largest number.")
    ] = _DEFAULT,
) -> StatementCosts | None:
    if not 0 <= first <= _MOST:
        raise InvalidInput(f"`first` can be 0 to {_MOST}; it was {first}.")
    found = await costliest(info.context.database, first)
    return StatementCosts(
        missing=found.missing,
        since=found.since,
        costliest=[
            StatementCost(
                text=cost.text,
                calls=Long(cost.calls),
                total=cost.total,
                mean=cost.mean,
                rows=Long(cost.rows),
                share=cost.share,
            )
            for cost in found.costliest
        ],
    )


STATEMENTS = strawberry.field(
    resolver=_costliest, description="Which statements cost the database most.", directives=[ADMIN]
)
