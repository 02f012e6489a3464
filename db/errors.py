"""The domain's errors, with fields rather than prose, and the one translation from PostgreSQL's.

Everything above `db` sees only these: no driver exception, no SQLSTATE.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import ClassVar

import asyncpg
from sqlalchemy.exc import DBAPIError, EmulatedDBAPIException, SQLAlchemyError


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
    """The caller's epoch is not the present lease's; nothing was changed."""

    code = "STALE_LEASE"

    def __init__(
        self, epoch: int | None, holder: str | None, current_epoch: int, expires_at: datetime | None
    ) -> None:
        held = f"held by {holder!r} until {expires_at}" if holder else "held by nobody"
        yours = "The lease is not yours" if epoch is None else f"Epoch {epoch} is not current"
        super().__init__(f"{yours}: the lease is at epoch {current_epoch}, {held}.")
        self.holder = holder
        self.current_epoch = current_epoch
        self.expires_at = expires_at


class InvalidTransition(FlowkeepError):
    """The move from the present status to the asked one is not allowed; nothing was changed."""

    code = "INVALID_TRANSITION"

    def __init__(self, current: str, to: str, allowed: tuple[str, ...]) -> None:
        moves = f"allowed from there: {', '.join(allowed)}" if allowed else "nothing is allowed from there"
        super().__init__(f"{current} can't become {to}; {moves}.")
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


# A connection that could not be made raises SQLAlchemy's stand-in for the driver's error.
_DATABASE_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    SQLAlchemyError,
    EmulatedDBAPIException,
    OSError,
)
_LOST = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, DBAPIError, EmulatedDBAPIException)
_CHECK_VIOLATION = "23514"
_UNIQUE_VIOLATION = "23505"
_FOREIGN_KEY_VIOLATION = "23503"
_NO_ENTRY = ("28000", "28P01", "3D000", "42501")  # role, password, database, privilege
_CONTENTION = ("40001", "40P01")  # serialization failure, deadlock
_CANCELED = "57014"  # by statement_timeout: a caller that goes away hears of nothing
_BAD_DATA_CLASSES = ("22",)  # data exceptions: numbers out of range, text that can't be stored
_PASSING_CLASSES = ("08", "40", "53", "55", "57")  # connection, rollback, resources, locks, operator


def driver_error(error: BaseException) -> asyncpg.PostgresError | None:
    """The server's own error inside a chain of wrappers; SQLAlchemy keeps it as the cause's cause."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, asyncpg.PostgresError):
            return seen
        seen = seen.orig if isinstance(seen, DBAPIError) and seen.orig is not None else seen.__cause__
    return None


def translate(error: BaseException, where: str = "The database") -> FlowkeepError | None:
    """The domain error for a database error, or None where it is a fault of ours (a bug).

    `where` names the server for messages about reaching it.
    """
    cause = driver_error(error)
    if cause is None:
        lost = isinstance(error, _LOST)
        return Unavailable(f"{where} can't be reached.") if lost else None
    constraint: str = getattr(cause, "constraint_name", None) or ""
    return _of_state(cause.sqlstate or "", constraint, cause) or _of_circumstances(
        cause.sqlstate or "", cause, where
    )


def _of_state(state: str, constraint: str, cause: asyncpg.PostgresError) -> FlowkeepError | None:
    """What is wrong with the data."""
    if state == _UNIQUE_VIOLATION:
        return AlreadyExists(f"A row with the same key is there already ({constraint}).")
    if state == _CHECK_VIOLATION and not constraint:
        return Unavailable("There is no partition for this time; `flowkeep migrate` makes those of now.")
    if state == _CHECK_VIOLATION:
        return InvalidInput(f"The value breaks the rule {constraint}.")
    if state == _FOREIGN_KEY_VIOLATION:
        return InvalidInput(
            f"The value refers to something that is not there, or is still needed ({constraint})."
        )
    if state[:2] in _BAD_DATA_CLASSES:
        return InvalidInput(f"The value can't be stored: {cause}.")
    return None


def _of_circumstances(state: str, cause: asyncpg.PostgresError, where: str) -> FlowkeepError | None:
    """What is wrong around the statement."""
    if state in _NO_ENTRY:
        return Unavailable(f"{where} does not let us in: {cause}.")
    if state in _CONTENTION:
        return Contended("Others were writing the same rows; try again.")
    if state == _CANCELED:
        return OutOfTime("The database took too long over this and was stopped; ask for less.")
    if state[:2] in _PASSING_CLASSES:
        return Unavailable("The database can't do this right now; try again.")
    return None


@contextmanager
def translated(where: str = "The database") -> Iterator[None]:
    """Raise the domain's error for any database error inside; let bugs through as they are."""
    try:
        yield
    except _DATABASE_ERRORS as error:
        domain_error = translate(error, where)
        if domain_error is None:
            raise
        raise domain_error from error
