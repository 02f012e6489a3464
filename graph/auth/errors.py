"""Why somebody is not let in, or not let do it."""

from db.enums import Scope
from db.errors import FlowkeepError


class Unauthenticated(FlowkeepError):
    """Nobody knows who asks."""

    code = "UNAUTHENTICATED"


class Forbidden(FlowkeepError):
    """Whoever asks may not do this."""

    code = "FORBIDDEN"

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"This takes the scope {scope}, which the caller does not have.")
        self.scope = scope
