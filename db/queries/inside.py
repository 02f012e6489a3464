"""Conditions on what executions have inside: their steps, their state, their input, how long they took.

No index holds these for all executions. They are looked up execution by execution, each by an index of its
own tree, so they take a window: a bounded time in which the executions were created.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from db.jsonb import as_written
from db.queries.fingerprints import code_of, fingerprint, message_of
from db.queries.predicates import Parameters, one_of


@dataclass(frozen=True, slots=True)
class StepMatch:
    """At least one attempt at a step that is all of this."""

    statuses: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    error_codes: tuple[str, ...] | None = None

    def predicate(self, parameters: Parameters) -> str:
        """A condition on `c`, a row of executions."""
        conditions = [
            "s.execution_id = c.id",
            *one_of("s.status", self.statuses, parameters),
            *one_of("s.key", self.keys, parameters),
            *([] if self.error_codes is None else ["s.error IS NOT NULL"]),
            *one_of(code_of("s.error"), self.error_codes, parameters),
        ]
        return f"EXISTS (SELECT FROM steps s WHERE {' AND '.join(conditions)})"


@dataclass(frozen=True, slots=True)
class ValueMatch:
    """A key with this value, given as the text of a JSON scalar as it is stored."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Inside:
    """All that an execution must have inside; nothing by default."""

    step: StepMatch | None = None
    variable: ValueMatch | None = None
    input: ValueMatch | None = None
    shortest: timedelta | None = None
    longest: timedelta | None = None
    triggered_by: tuple[str, ...] | None = None
    fingerprint: str | None = None

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """Conditions on `c`, a row of executions; the quickest to look up come first."""
        yield from one_of("c.triggered_by", self.triggered_by, parameters)
        for sign, bound in ((">=", self.shortest), ("<=", self.longest)):
            if bound is not None:
                yield f"c.completed_at - c.started_at {sign} {parameters.add(bound, 'interval')}"
        if self.input is not None:
            key, value = parameters.add(self.input.key, "text"), parameters.add(self.input.value, "text")
            yield f"(c.input -> {key})::text = {value}"
        if self.step is not None:
            yield self.step.predicate(parameters)
        if self.variable is not None:
            yield _holds(self.variable, parameters)
        if self.fingerprint is not None:
            yield _failed_so(parameters.add(self.fingerprint, "text"))


NOTHING = Inside()


def _holds(match: ValueMatch, parameters: Parameters) -> str:
    """The state's present value; one that was put together from appended items equals no scalar."""
    key, value = parameters.add(match.key, "text"), parameters.add(match.value, "text")
    return (
        f"(SELECT CASE WHEN e.op = 'SET' THEN {as_written('e', 'value')} END FROM state_entries e "
        f"WHERE e.execution_id = c.id AND NOT e.field AND e.key = {key} "
        f"ORDER BY e.version DESC LIMIT 1) = {value}"
    )


def _failed_so(wanted: str) -> str:
    own, attempts = (f"{fingerprint(code_of(e), message_of(e))} = {wanted}" for e in ("c.error", "s.error"))
    return (
        f"((c.error IS NOT NULL AND {own}) OR EXISTS "
        f"(SELECT FROM steps s WHERE s.execution_id = c.id AND s.error IS NOT NULL AND {attempts}))"
    )
