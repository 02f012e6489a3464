"""What every mutation's input goes through before anything is written."""

import dataclasses
import hashlib
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import orjson
import strawberry

from db.errors import InvalidInput
from db.ids import parse_uuid
from db.writes.write import Write
from graph.api.meaning import as_meant
from graph.arguments import given
from graph.context import Info
from graph.ids import Kind, decode_as
from graph.scalars import JSON, Long, format_duration, json_text, refuse_nul

T = TypeVar("T")

LONGEST_TEXT = 500
LONGEST_KEY = 200
LEASE_TIME = timedelta(seconds=30)
LONGEST_TTL = timedelta(days=1)


@strawberry.input(description="What every mutation's input can have.")
class WriteInput:
    """The base of all inputs that create or change."""

    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Names this write: sent again with the same input, it answers with the first outcome.",
    )


@strawberry.input(description="What the input of a mutation by an engine can have.")
class EngineInput(WriteInput):
    """The base of all inputs that can be fenced."""

    epoch: Long | None = strawberry.field(
        default=strawberry.UNSET,
        description="The epoch of the caller's lease: with any other than the present one nothing changes. "
        "While a lease is valid, steps, state, checkpoints and ends need it.",
    )


@strawberry.input(description="What went wrong.")
class FailureInput:
    """The error of an execution or of a step."""

    message: str = strawberry.field(description="The error in words.")
    code: str | None = strawberry.field(default=strawberry.UNSET, description="The engine's own code for it.")
    details: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="Anything more: a stack trace, the failing input."
    )
    retriable: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether trying again may help."
    )


def accepted(info: Info, mutation: str, value: Any, **instead: Any) -> Write:
    """The circumstances of a write, once its input, a mutation's, was found storable.

    `instead` has what stands for fields of the input that were made storable.
    The fingerprint is of what the input means, however it was spelled, and leaves out the epoch: a worker
    that took over may repeat what the one before it began.
    Raises `InvalidInput` for text or JSON that the database can't keep, `TooLarge` over the limit.
    """
    info.context.renew()
    key = given(value.idempotency_key) if isinstance(value, WriteInput) else None
    if key is not None and not 1 <= len(key) <= LONGEST_KEY:
        raise InvalidInput(f"`idempotencyKey` has 1 to {LONGEST_KEY} characters.")
    kind: Any = type(value)
    left_out = dict.fromkeys(_left_out(kind))
    try:
        meant = as_meant(value, **left_out, **instead)
        text = orjson.dumps(meant, _plain, orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"This input can't be kept: {error}.") from error
    refuse_nul(text)
    info.context.limits.require_input(len(text))
    epoch = given(value.epoch) if isinstance(value, EngineInput) else None
    fingerprint = hashlib.sha256(mutation.encode() + b"\0" + text).digest()
    lenient = not info.context.limits.epochs
    return Write(info.context.actor, fingerprint, key, epoch, lenient=lenient, size=len(text))


@cache
def _left_out(kind: type[Any]) -> frozenset[str]:
    return frozenset(field.name for field in dataclasses.fields(kind)) & {"idempotency_key", "epoch"}


def _plain(value: object) -> object:
    if value is strawberry.UNSET:
        return None
    if isinstance(value, timedelta):
        return format_duration(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def document(info: Info, name: str, value: T | None) -> T | None:
    """A JSON document within the limit; None where it was left out."""
    value = given(value)
    if value is not None:
        info.context.limits.require_document(name, len(json_text(value).encode()))
    return value


def text(name: str, value: str | None, longest: int = LONGEST_TEXT) -> str | None:
    """A short text within the limit; None where it was left out."""
    value = given(value)
    if value is not None and not 1 <= len(value) <= longest:
        raise InvalidInput(f"`{name}` has 1 to {longest} characters.")
    return value


def required_text(name: str, value: str, longest: int = LONGEST_TEXT) -> str:
    """A short text that must be there."""
    checked = text(name, value, longest)
    if checked is None:
        raise InvalidInput(f"`{name}` is missing.")
    return checked


def words(name: str, values: list[str] | None) -> list[str]:
    """At most 100 short texts."""
    values = given(values) or []
    if len(values) > 100:
        raise InvalidInput(f"`{name}` can hold at most 100 entries; it held {len(values)}.")
    return [required_text(name, value) for value in values]


def execution_key(value: strawberry.ID) -> UUID:
    """The key of the execution that an id names."""
    return decode_as(Kind.EXECUTION, value, parse_uuid)[0]


def failure(info: Info, value: FailureInput | None) -> dict[str, Any] | None:
    """An error as it is stored; None where it was left out."""
    value = given(value)
    if value is None:
        return None
    parts = {
        "message": value.message,
        "code": given(value.code),
        "details": document(info, "error.details", value.details),
        "retriable": given(value.retriable),
    }
    return {name: part for name, part in parts.items() if part is not None}


def lease_time(value: timedelta | None) -> timedelta:
    """How long a lease lasts: 30 seconds unless given, at most a day."""
    ttl = given(value)
    if ttl is None:
        return LEASE_TIME
    if not timedelta(0) < ttl <= LONGEST_TTL:
        raise InvalidInput("`ttl` is more than nothing and at most a day.")
    return ttl
