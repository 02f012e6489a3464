"""Token: what a caller shows to be let in."""

from datetime import datetime

import strawberry

from db.queries.sources import TOKENS
from graph.enums import Scope
from graph.ids import Kind
from graph.nodes import Node, node_of


@node_of(Kind.TOKEN, TOKENS, Scope.ADMIN)
@strawberry.type(description="A token, without its secret: that was shown when it was created.")
class Token(Node):
    name: str = strawberry.field(
        description="Who uses it: the actor of what is written with it. Unique among those not revoked."
    )
    scopes: list[Scope] = strawberry.field(description="What it is good for.")
    created_by: str = strawberry.field(description="Who created it.")
    created_at: datetime = strawberry.field(description="When it was created.")
    expires_at: datetime | None = strawberry.field(description="When it ends; null when it does not.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked; null when it was not.")
