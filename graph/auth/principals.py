"""Who asks, and what they may do."""

from dataclasses import dataclass
from datetime import datetime

from db.enums import Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. `name` is the actor of what they write, `key` tells them from all others."""

    name: str
    scopes: frozenset[Scope]
    key: str
    expires_at: datetime | None = None

    def may(self, scope: Scope) -> bool:
        """Whether they have the scope; ADMIN has all."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


# Only where no authentication is configured: whoever reaches the service may do everything.
ANONYMOUS = Principal("anonymous", frozenset(Scope), "anonymous")
