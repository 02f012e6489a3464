"""The domain's errors, with fields rather than prose.

Everything above `db` sees only these: no driver exception, no SQLSTATE. translation.py makes them of
PostgreSQL's.
"""

from datetime import datetime
from typing import ClassVar


class FlowkeepError(Exception):
    """A refusal that the caller can understand; `code` is its stable name."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"

    @property
    def message(self) -> str:
        """What is wrong, and where it can be said, what would be right."""
        return str(self)


class InvalidInput(FlowkeepError):
    """The input can't mean anything: malformed, out of range, contradictory."""

    code = "BAD_USER_INPUT"


class NotFound(FlowkeepError):
    """What the caller named does not exist (any more)."""

    code = "NOT_FOUND"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"There is no {kind} {name}.")
        self.kind = kind
        self.name = name


class AlreadyExists(FlowkeepError):
    """What the caller would create is there already, made by somebody else."""

    code = "ALREADY_EXISTS"


class VersionConflict(FlowkeepError):
    """The caller's expected version is not the current one; nothing was changed."""

    code = "VERSION_CONFLICT"

    def __init__(self, expected: int, current: int) -> None:
        super().__init__(f"Version {expected} was expected, but the current version is {current}.")
        self.expected = expected
        self.current = current


class StaleLease(FlowkeepError):
    """The caller's epoch is not the present lease's; nothing was changed. `hint` says what would be right."""

    code = "STALE_LEASE"

    def __init__(
        self,
        epoch: int | None,
        holder: str | None,
        current_epoch: int,
        expires_at: datetime | None,
        hint: str = "",
    ) -> None:
        held = f"held by {holder!r} until {expires_at}" if holder else "held by nobody"
        yours = "The lease is not yours" if epoch is None else f"Epoch {epoch} is not current"
        super().__init__(f"{yours}: the lease is at epoch {current_epoch}, {held}.{hint and ' '}{hint}")
        self.holder = holder
        self.current_epoch = current_epoch
        self.expires_at = expires_at


class InvalidTransition(FlowkeepError):
    """The move from the present status to the asked one is not allowed; nothing was changed.

    Also where the two are the same, and what would go with it is not what is there: `reason` says so.
    """

    code = "INVALID_TRANSITION"

    def __init__(
        self, current: str, to: str, allowed: tuple[str, ...] = (), reason: str | None = None
    ) -> None:
        moves = f"allowed from there: {', '.join(allowed)}" if allowed else "nothing is allowed from there"
        super().__init__(reason or f"{current} can't become {to}; {moves}.")
        self.current = current
        self.to = to


class IdempotencyConflict(FlowkeepError):
    """The idempotency key was used before with another input; nothing was changed."""

    code = "IDEMPOTENCY_CONFLICT"

    def __init__(self, key: str) -> None:
        super().__init__(f"The idempotency key {key!r} was used before with another input.")
        self.key = key


class TooLarge(FlowkeepError):
    """The input is over a limit that the settings name."""

    code = "TOO_LARGE"

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(f"{what} is too large: {size}, where {limit} is the limit.")
        self.limit = limit
        self.size = size


class Unavailable(FlowkeepError):
    """The database can't be reached or refused the work for now; the same call may succeed later."""

    code = "UNAVAILABLE"


class Unwritable(Unavailable):
    """The database answers, but takes no writes for now: its disk is full, or broken, or it is read-only."""

    code = "UNWRITABLE"


class Occupied(Unavailable):
    """All connections that the pool may hold stayed in use; nothing was asked."""


class Contended(Unavailable):
    """The transaction lost against another one and changed nothing: the same one may pass now."""


class OutOfTime(Unavailable):
    """The statement took longer than it may, and was stopped; it changed nothing."""

    code = "TIMEOUT"


class TooComplex(FlowkeepError):
    """The operation asks for more than the settings allow."""

    code = "TOO_COMPLEX"


class NotReady(FlowkeepError):
    """The service can't start on this database; the message says what to do."""

    code = "NOT_READY"
