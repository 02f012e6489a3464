"""The small pieces that filters are made of: numbered parameters and the predicates that use them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from db.errors import InvalidInput
from db.moments import ENDS, finite


@dataclass(slots=True)
class Parameters:
    """The values of a statement in the order of their placeholders."""

    values: list[Any] = field(default_factory=list)

    def add(self, value: Any, cast: str) -> str:
        """Keep `value`; returns its placeholder, cast so that PostgreSQL never has to guess.

        Raises `InvalidInput` for text with a NUL character: no row could ever hold it.
        """
        if (
            "\0" in value
            if isinstance(value, str)
            else cast == "text[]" and "\0" in "".join(filter(None, value))
        ):
            raise InvalidInput("Text can't hold the NUL character (\\u0000).")
        self.values.append(value)
        placeholder = f"${len(self.values)}::{cast}"
        return finite(placeholder) if isinstance(value, datetime) and value in ENDS else placeholder


class Filter(Protocol):
    """What a page is narrowed by; hashable, since it is part of a loader's key."""

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """SQL conditions on the table alias `c`, all of which must hold."""
        ...


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A range of time, each end open or closed; None where there is no bound."""

    gte: datetime | None = None
    gt: datetime | None = None
    lte: datetime | None = None
    lt: datetime | None = None

    def predicates(self, column: str, parameters: Parameters) -> Iterator[str]:
        """Conditions on `column`; raises `InvalidInput` where no moment could fulfil them."""
        self._refuse_empty(column)
        for sign, bound in ((">=", self.gte), (">", self.gt), ("<=", self.lte), ("<", self.lt)):
            if bound is not None:
                yield f"{column} {sign} {parameters.add(bound, 'timestamptz')}"

    def _refuse_empty(self, column: str) -> None:
        lower = [bound for bound in (self.gte, self.gt) if bound is not None]
        upper = [bound for bound in (self.lte, self.lt) if bound is not None]
        if not lower or not upper:
            return
        low, high = max(lower), min(upper)
        if low > high or (low == high and (self.gt == low or self.lt == high)):
            raise InvalidInput(
                f"No moment lies in this range: its lower bound {low.isoformat()} is not before "
                f"its upper bound {high.isoformat()}."
            )


ALWAYS = TimeRange()


def one_of(column: str, values: tuple[str, ...] | None, parameters: Parameters) -> Iterator[str]:
    """`column` is one of `values`; no condition for None.

    A single value compares by `=`, which lets an index on (column, key) deliver its rows in key order.
    """
    if values is None:
        return
    if not values:
        raise InvalidInput("An empty list of choices matches nothing; leave the filter out to match all.")
    if len(values) == 1:
        yield f"{column} = {parameters.add(values[0], 'text')}"
    else:
        yield f"{column} = ANY({parameters.add(list(values), 'text[]')})"


def starts_with(column: str, prefix: str | None, parameters: Parameters) -> Iterator[str]:
    """`column`, which collates by bytes, starts with `prefix`; written as a range so that any index fits."""
    if not prefix:
        return
    yield f"{column} >= {parameters.add(prefix, 'text')}"
    # What starts with the prefix comes before the prefix with its last character replaced by the next one;
    # the very last character has none, so the one before it moves on.
    stem = prefix.rstrip("\U0010ffff")
    if stem:
        last = ord(stem[-1])
        # U+D800 to U+DFFF are no characters: the successor of U+D7FF is U+E000.
        after = 0xE000 if last == 0xD7FF else last + 1
        yield f"{column} < {parameters.add(stem[:-1] + chr(after), 'text')}"


def tagged(
    column: str, all_of: tuple[str, ...], any_of: tuple[str, ...], parameters: Parameters
) -> Iterator[str]:
    """The array `column` holds every tag of `all_of` and at least one of `any_of` (where not empty)."""
    if all_of:
        yield f"{column} @> {parameters.add(list(all_of), 'text[]')}"
    if any_of:
        yield f"{column} && {parameters.add(list(any_of), 'text[]')}"
