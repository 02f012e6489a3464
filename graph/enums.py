"""The vocabularies as GraphQL enums, and those of the API alone: orders of lists, and what is counted."""

import strawberry

from db.enums import (
    Environment,
    EventType,
    ExecutionStatus,
    Level,
    LogLevel,
    Priority,
    ReplicaState,
    ReplicationRole,
    RunStatus,
    Scope,
    StateOp,
    StepStatus,
    StuckCode,
    Subject,
    TriggerType,
    Word,
    WorkflowStatus,
)
from graph.private import enum_values

__all__ = [
    "AuditOrderField",
    "Direction",
    "Environment",
    "EventType",
    "ExecutionOrderField",
    "ExecutionStatsGroup",
    "ExecutionStatus",
    "FeedStart",
    "HoldOrderField",
    "LogLevel",
    "LogOrderField",
    "PolicyOrderField",
    "Priority",
    "ReplicaState",
    "ReplicationRole",
    "RunOrderField",
    "RunStatus",
    "Scope",
    "SeqOrderField",
    "StateOp",
    "StepOrderField",
    "StepStatsOrder",
    "StepStatus",
    "StuckCode",
    "Subject",
    "TokenOrderField",
    "TriggerType",
    "VersionOrderField",
    "WorkflowOrderField",
    "WorkflowStatus",
]

_CREATED = "When the row was created; the cheapest order."
_STARTED = "When it started; what has not started yet counts as later than everything."
_SEQ = "The order in which they were recorded."


class FeedStart(Word):
    """Where a feed starts."""

    BEGINNING = "BEGINNING", "With everything that is there."
    NOW = "NOW", "With what comes from now on."


class Direction(Word):
    """Which way a list runs."""

    ASC = "ASC", "Least, oldest or first first."
    DESC = "DESC", "Greatest, newest or last first."


class WorkflowOrderField(Word):
    """What workflows can be ordered by."""

    CREATED_AT = "CREATED_AT", _CREATED
    UPDATED_AT = "UPDATED_AT", "When its metadata last changed."
    NAME = "NAME", "Its name."


class ExecutionOrderField(Word):
    """What executions can be ordered by."""

    CREATED_AT = "CREATED_AT", _CREATED
    STARTED_AT = "STARTED_AT", _STARTED
    COMPLETED_AT = "COMPLETED_AT", "When it ended; what has not ended yet counts as later than everything."
    DURATION = (
        "DURATION",
        "How long it took from its start to its end; what has not ended, or never started, counts as shorter "
        "than everything: descending, the longest of those that ended come first.",
    )


class StepOrderField(Word):
    """What steps can be ordered by."""

    SEQ = "SEQ", _SEQ
    KEY = "KEY", "The step's key, then its attempt."
    STARTED_AT = "STARTED_AT", _STARTED


class LogOrderField(Word):
    """What log entries can be ordered by."""

    SEQ = "SEQ", _SEQ
    LOGGED_AT = "LOGGED_AT", "The client's time stamp."


class SeqOrderField(Word):
    """What records with nothing but a sequence number can be ordered by."""

    SEQ = "SEQ", _SEQ


class VersionOrderField(Word):
    """What the versions of a variable can be ordered by."""

    VERSION = "VERSION", "The state's version."


class AuditOrderField(Word):
    """What audit entries can be ordered by."""

    AT = "AT", "When it happened."


class TokenOrderField(Word):
    """What tokens can be ordered by."""

    CREATED_AT = "CREATED_AT", _CREATED
    NAME = "NAME", "Its name."


class PolicyOrderField(Word):
    """What retention policies can be ordered by."""

    CREATED_AT = "CREATED_AT", _CREATED
    NAME = "NAME", "Its name."


class RunOrderField(Word):
    """What runs of retention can be ordered by."""

    STARTED_AT = "STARTED_AT", "When it started."


class HoldOrderField(Word):
    """What holds can be ordered by."""

    PLACED_AT = "PLACED_AT", "When it was placed."


class ExecutionStatsGroup(Word):
    """What executions can have in common that are counted together."""

    WORKFLOW = "WORKFLOW", "The workflow's name, whatever the version."
    VERSION = "VERSION", "The workflow version."
    STATUS = "STATUS", "The status."
    TRIGGER = "TRIGGER", "What set them off."
    ENVIRONMENT = "ENVIRONMENT", "The environment of the workflow version."
    TAG = "TAG", "A tag: those with several are in several groups, those without in none."
    DAY = "DAY", "The day in UTC on which they were created."
    HOUR = "HOUR", "The hour in UTC in which they were created."


class StepStatsOrder(Word):
    """Which steps come first."""

    SLOWEST = "SLOWEST", "The longest 95th percentile of the duration."
    FLAKIEST = "FLAKIEST", "The greatest share of failures."
    MOST_RETRIED = "MOST_RETRIED", "The most retries."
    MOST_TIME = "MOST_TIME", "The most time spent, over all attempts."
    MOST_ATTEMPTS = "MOST_ATTEMPTS", "The most attempts."


def shown(vocabulary: type[Word] | type[Level], name: str | None = None) -> None:
    """Make a GraphQL enum of a vocabulary, described by its docstring and by the meaning of each word."""
    strawberry.enum(vocabulary, name=name, description=vocabulary.__doc__)
    for value in enum_values(vocabulary):
        value.description = vocabulary[value.name].meaning


for _vocabulary in Word.__subclasses__():
    shown(_vocabulary, "HoldSubject" if _vocabulary is Subject else None)
shown(LogLevel)
