"""How tokens are narrowed and ordered."""

from typing import Annotated

import strawberry

from db.queries import filters
from graph.api.conditions import NameFilter, name_or_prefix
from graph.arguments import given
from graph.connections import Listing
from graph.context import Info
from graph.enums import Direction, TokenOrderField


@strawberry.input(description="Which tokens; every condition that is given must hold.")
class TokenFilter:
    name: NameFilter | None = strawberry.field(
        default=strawberry.UNSET, description="The name, or how it begins."
    )
    revoked: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether it was revoked; one that has expired need not be."
    )


@strawberry.input(description="The order of a list of tokens.")
class TokenOrder:
    """A field and a direction."""

    field: TokenOrderField = strawberry.field(
        default=TokenOrderField.CREATED_AT, description="What to order by."
    )
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")


async def _token_filter(info: Info, value: TokenFilter | None) -> filters.TokenFilter:
    value = given(value)
    if value is None:
        return filters.TokenFilter()
    name, prefix = name_or_prefix(value.name)
    return filters.TokenFilter(name, prefix, given(value.revoked))


TOKENS_LISTED = Listing(
    Annotated[TokenFilter | None, strawberry.argument(description="Which tokens.")],
    Annotated[TokenOrder | None, strawberry.argument(description="The order; newest first by default.")],
    _token_filter,
    ("CREATED_AT", True),
)
