"""Who asks."""

import strawberry

from graph.auth.principals import ANONYMOUS, Principal
from graph.enums import Scope


@strawberry.type(description="Who asks, and what they may do.")
class Viewer:
    """The caller of an operation."""

    name: str = strawberry.field(
        description="The token's name or the JWT's subject: the actor of what they write."
    )
    scopes: list[Scope] = strawberry.field(description="What they may do; with ADMIN, everything.")
    is_authenticated: bool = strawberry.field(
        description="Whether they said who they are; where nobody is asked, anybody may do everything."
    )

    @classmethod
    def of(cls, principal: Principal) -> "Viewer":
        """How a principal is shown."""
        return cls(
            name=principal.name,
            scopes=[scope for scope in Scope if scope in principal.scopes],
            is_authenticated=principal is not ANONYMOUS,
        )
