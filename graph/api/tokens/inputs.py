"""What mutations of tokens take."""

from datetime import datetime

import strawberry

from graph.api.writing import WriteInput
from graph.enums import Scope


@strawberry.input(
    description="A token to be. It takes no idempotency key: a repetition could not be answered with the "
    "secret, which nobody knows any more. When the answer was lost, revoke the token and create another."
)
class CreateTokenInput:
    name: str = strawberry.field(
        description="Who will use it: the actor of what is written with it. Unique among those not revoked."
    )
    scopes: list[Scope] = strawberry.field(description="What it is good for; at least one.")
    expires_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="When it ends; without it, only by being revoked."
    )


@strawberry.input(description="A token to make worthless.")
class RevokeTokenInput(WriteInput):
    id: strawberry.ID = strawberry.field(description="Which one.")
