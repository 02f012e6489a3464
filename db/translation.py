"""The one translation of PostgreSQL's errors, and of those of its drivers, into the domain's."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from os import strerror
from ssl import SSLCertVerificationError, SSLError

import asyncpg
from sqlalchemy.exc import DBAPIError, EmulatedDBAPIException, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from db.errors import (
    AlreadyExists,
    Contended,
    FlowkeepError,
    InvalidInput,
    Occupied,
    OutOfTime,
    Unavailable,
    Unwritable,
)

# A connection that could not be made raises SQLAlchemy's stand-in for the driver's error.
_DATABASE_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    SQLAlchemyError,
    EmulatedDBAPIException,
    OSError,
)
_CHECK_VIOLATION = "23514"
# Without the number of the shard.
_NAMED = re.compile(r'constraint "(.+?)(?:_\d{5,})?"')
_UNIQUE_VIOLATION = "23505"
_FOREIGN_KEY_VIOLATION = "23503"
_NO_ENTRY = ("28000", "28P01", "3D000", "42501")  # role, password, database, privilege
_CONTENTION = ("40001", "40P01")  # serialization failure, deadlock
_CANCELED = "57014"  # by statement_timeout: a caller that goes away hears of nothing
_BAD_DATA_CLASSES = ("22",)  # data exceptions: numbers out of range, text that can't be stored
# What keeps writes out until somebody does something about it.
_UNWRITABLE = {
    "53100": "The database's disk is full: nothing can be written until there is room.",
    "58030": "The database's disk fails: it can't be written to, or read.",
    "25006": "The database is read-only: a replica, or set so, as some providers do when its disk is full.",
}
_EXHAUSTED = {
    "53200": "The database is out of memory; try again.",
    "53300": "The database takes no more connections (max_connections); try again.",
    "53400": "The database came to a limit of its configuration (such as temp_file_limit); ask for less.",
}
_PASSING_CLASSES = ("08", "40", "53", "55", "57")  # connection, rollback, resources, locks, operator


def driver_error(error: BaseException) -> asyncpg.PostgresError | None:
    """The server's own error inside a chain of wrappers; SQLAlchemy keeps it as the cause's cause."""
    return next((seen for seen in _chain(error) if isinstance(seen, asyncpg.PostgresError)), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.orig if isinstance(seen, DBAPIError) and seen.orig is not None else seen.__cause__


def _is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, or was never made. All else that the driver refuses is a bug."""
    return any(
        isinstance(seen, OSError | asyncpg.InternalClientError)  # the latter when it lost track of the server
        or (isinstance(seen, asyncpg.InterfaceError) and "connection is closed" in str(seen))
        for seen in _chain(error)
    )


def _unreachable(error: BaseException, where: str) -> Unavailable:
    """Why, as far as the system, or what speaks TLS, says it."""
    fault = next((seen for seen in _chain(error) if isinstance(seen, OSError)), None)
    match fault:
        case None | TimeoutError():
            reason = None
        case SSLCertVerificationError():
            reason = f"its certificate can't be trusted ({fault.verify_message})"
        case OSError(errno=int(number)) if number > 0 and not isinstance(fault, SSLError):
            reason = strerror(number)
        case _:
            reason = str(fault.strerror or fault).rstrip(".")
    return Unavailable(f"{where} can't be reached{f': {reason}' if reason else ''}.")


def translate(error: BaseException, where: str = "The database") -> FlowkeepError | None:
    """The domain error for a database error, or None where it is a fault of ours (a bug).

    `where` names the server for messages about reaching it.
    """
    if isinstance(error, PoolTimeout):
        return Occupied("All connections to the database were in use for too long; try again.")
    cause = driver_error(error)
    if cause is None:
        return _unreachable(error, where) if _is_lost(error) else None
    constraint = _constraint(cause)
    return _of_state(cause.sqlstate or "", constraint, cause) or _of_circumstances(
        cause.sqlstate or "", cause, where
    )


def _constraint(cause: asyncpg.PostgresError) -> str:
    """The constraint that was violated; of what a node of Citus refused only the message names it."""
    if (name := getattr(cause, "constraint_name", None)) is None:
        named = _NAMED.search(str(cause))
        name = "" if named is None else named[1]
    return str(name)


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
    if state in _UNWRITABLE:
        return Unwritable(_UNWRITABLE[state])
    if state[:2] in _PASSING_CLASSES:
        return Unavailable(_EXHAUSTED.get(state, "The database can't do this right now; try again."))
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
