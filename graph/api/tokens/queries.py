"""`tokens`."""

import strawberry

from db.queries.sources import ALL_TOKENS
from graph.api.tokens.filters import TOKENS_LISTED
from graph.api.tokens.types import Token
from graph.auth.scopes import ADMIN
from graph.connections import connection


@strawberry.type
class TokenQueries:
    tokens = connection(
        ALL_TOKENS,
        Token,
        TOKENS_LISTED,
        (),
        "Who may call: every token that was created, revoked ones too.",
        scope=ADMIN,
    )
