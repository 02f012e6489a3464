"""`createToken`, `revokeToken`."""

from typing import Annotated

import strawberry

from db.writes import tokens
from db.writes.tokens import LONGEST_NAME, NewToken
from graph.api import errors
from graph.api.tokens.inputs import CreateTokenInput, RevokeTokenInput
from graph.api.tokens.types import Token
from graph.api.writing import accepted, required_text
from graph.arguments import given
from graph.auth.scopes import ADMIN
from graph.auth.tokens import mint
from graph.context import Info
from graph.ids import Kind, decode_as
from graph.written import Written, written


@strawberry.type(description="A new token.")
class CreateTokenPayload(Written):
    token = written("token", Token, "What is known of it.", scope=ADMIN)
    secret: str = strawberry.field(
        description="The token itself, for the header `Authorization: Bearer …`. It is shown this once: only "
        "its hash is kept."
    )


@strawberry.type(description="The token as it is now.")
class RevokeTokenPayload(Written):
    token = written("token", Token, "The token.", scope=ADMIN)


CreateTokenResult = Annotated[
    CreateTokenPayload | errors.InvalidInput | errors.TooLarge | errors.AlreadyExists,
    strawberry.union("CreateTokenResult", description="The token, or why there is none."),
]
RevokeTokenResult = Annotated[
    RevokeTokenPayload | errors.Refused | errors.NotFound,
    strawberry.union("RevokeTokenResult", description="The token, or why nothing changed."),
]


@strawberry.type
class TokenMutations:
    @strawberry.mutation(
        description="Create a token. With the first one, everybody has to show one from then on.",
        directives=[ADMIN],
    )
    async def create_token(
        self, info: Info, input: Annotated[CreateTokenInput, strawberry.argument(description="What it is.")]
    ) -> CreateTokenResult:
        write = accepted(info, "createToken", input)
        name = required_text("name", input.name, LONGEST_NAME)
        minted = mint()
        token = NewToken(minted.id, name, tuple(input.scopes), minted.secret_hash, given(input.expires_at))
        key = await tokens.create_token(info.context.database, write, token)
        return CreateTokenPayload(written={"token": {"id": key}}, secret=minted.text)

    @strawberry.mutation(
        description="Make a token worthless for good; servers notice within five seconds. One that is "
        "revoked already stays as it is.",
        directives=[ADMIN],
    )
    async def revoke_token(
        self, info: Info, input: Annotated[RevokeTokenInput, strawberry.argument(description="Which one.")]
    ) -> RevokeTokenResult:
        """A mark on one row."""
        write = accepted(info, "revokeToken", input)
        key = decode_as(Kind.TOKEN, input.id)[0]
        await tokens.revoke_token(info.context.database, write, key)
        return RevokeTokenPayload(written={"token": {"id": key}})
