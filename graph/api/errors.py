"""What a mutation answers when it changes nothing: members of its union, all with a code and a message."""

from collections.abc import Awaitable
from datetime import datetime
from typing import TypeVar

import strawberry
from strawberry.types import Info

from db import errors
from db.enums import Word
from graph.enums import shown
from graph.scalars import Long
from graph.telemetry.record import note_refusal

T = TypeVar("T")


class ErrorCode(Word):
    """What kind of refusal it is."""

    BAD_USER_INPUT = "BAD_USER_INPUT", "The input can't mean anything."
    NOT_FOUND = "NOT_FOUND", "Something that the input names is not there."
    ALREADY_EXISTS = "ALREADY_EXISTS", "What would be created is there already."
    VERSION_CONFLICT = "VERSION_CONFLICT", "Somebody else changed it meanwhile."
    STALE_LEASE = "STALE_LEASE", "Somebody else holds the lease."
    INVALID_TRANSITION = "INVALID_TRANSITION", "The status does not allow it."
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT", "The idempotency key was used for something else."
    TOO_LARGE = "TOO_LARGE", "The input is over a limit."


shown(ErrorCode)


@strawberry.interface(description="Why a mutation changed nothing.")
class Error:
    """The base of all refusals."""

    code: ErrorCode = strawberry.field(description="What kind of refusal it is.")
    message: str = strawberry.field(description="What is wrong, and what would be right.")


@strawberry.type(description="The input can't mean anything: malformed, out of range, or contradictory.")
class InvalidInput(Error):
    """Of `db.errors.InvalidInput`."""


@strawberry.type(description="Something that the input names is not there.")
class NotFound(Error):
    """Of `db.errors.NotFound`."""


@strawberry.type(description="What would be created is there already.")
class AlreadyExists(Error):
    """Of `db.errors.AlreadyExists`."""


@strawberry.type(description="The expected version is not the current one.")
class VersionConflict(Error):
    expected: Long = strawberry.field(description="The version that was expected.")
    current: Long = strawberry.field(description="The version that is there.")


@strawberry.type(description="The lease is somebody else's, or at another epoch.")
class StaleLease(Error):
    holder: str | None = strawberry.field(description="Who holds the lease; null when nobody does.")
    epoch: Long = strawberry.field(description="The present epoch.")
    expires_at: datetime | None = strawberry.field(description="When the lease ends unless it is extended.")


@strawberry.type(
    description="The status does not allow it: to go there, or to stay there with something else than it has."
)
class InvalidTransition(Error):
    current: str = strawberry.field(description="The present status.")
    to: str = strawberry.field(description="The status that was asked for.")


@strawberry.type(description="The idempotency key was used before, with another input.")
class IdempotencyConflict(Error):
    key: str = strawberry.field(description="The key.")


@strawberry.type(description="The input is over a limit, which a setting can change.")
class TooLarge(Error):
    limit: Long = strawberry.field(description="The limit.")
    size: Long = strawberry.field(description="How much it was.")


# The order in which every union has them.
REFUSALS = (
    InvalidInput,
    TooLarge,
    IdempotencyConflict,
    NotFound,
    AlreadyExists,
    VersionConflict,
    StaleLease,
    InvalidTransition,
)
# What every mutation that takes an idempotency key can answer. Its union adds what else its write raises.
Refused = InvalidInput | TooLarge | IdempotencyConflict

_FIELDS: dict[type[Error], dict[str, str]] = {
    VersionConflict: {"expected": "expected", "current": "current"},
    StaleLease: {"holder": "holder", "epoch": "current_epoch", "expires_at": "expires_at"},
    InvalidTransition: {"current": "current", "to": "to"},
    IdempotencyConflict: {"key": "key"},
    TooLarge: {"limit": "limit", "size": "size"},
}


class Refusal:
    """Makes a union's member of the domain error with the same name: a strawberry exception handler."""

    def __init__(self, error_type: type[Error]) -> None:
        self.error_type = error_type
        self.exception_type: type[errors.FlowkeepError] = getattr(errors, error_type.__name__)

    def handle(self, exception: errors.FlowkeepError, *, field: object, info: Info) -> Error:
        """The member, with the error's own fields."""
        note_refusal(info.field_name, self.error_type.__name__)
        fields = {name: getattr(exception, at) for name, at in _FIELDS.get(self.error_type, {}).items()}
        code = ErrorCode(self.exception_type.code)
        return self.error_type(code=code, message=exception.message, **fields)


HANDLERS = [Refusal(error_type) for error_type in REFUSALS]
_HANDLERS = {handler.exception_type: handler for handler in HANDLERS}


async def answered(info: Info, work: Awaitable[T]) -> T | Error:
    """What `work`, one of several writes of a mutation, comes to: its payload, or its refusal's member."""
    try:
        return await work
    except tuple(_HANDLERS) as refusal:
        return _HANDLERS[type(refusal)].handle(refusal, field=None, info=info)
