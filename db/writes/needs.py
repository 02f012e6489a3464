"""What a write needs to see of its execution before it can be decided."""

from collections.abc import Iterable
from typing import NamedTuple


class Needs(NamedTuple):
    """The parts of an execution that a decision looks at, besides its head, which every decision sees.

    `values` are variables whose present values matter, `kinds` those of which only matters whether they
    are there and hold a list; `every_value` asks for all. `steps` names the steps whose latest attempts,
    `attempts` the numbers of attempts that matter. `fields` asks for the state's own fields, which can be
    long, `end` for how the execution ended, `labels` for its tags and attributes. `defined` asks for the
    steps of the definition, `begun` for what all steps that have begun depend on. `base` holds the number
    of the checkpoint to go back to, None for the one that the state descends from.

    `holds` asks for the reasons for which the execution or its workflow version is on hold; none are placed
    before the write is made.

    `checkpoints` names those that matter, with what follows them and what is forked; `every_checkpoint` asks
    for all. `prunable` asks how many rows of variables no version sees at the ends of these ranges. A fork
    leaves its base as it is, so these are asked for as `Unseen` only: what is looked at a second time is read
    under the lock.
    """

    state: bool = False
    fields: bool = False
    every_value: bool = False
    end: bool = False
    labels: bool = False
    holds: bool = False
    values: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    steps: frozenset[str] = frozenset()
    attempts: frozenset[int] = frozenset()
    every_attempt: bool = False
    defined: bool = False
    begun: bool = False
    base: tuple[int | None, ...] = ()
    checkpoints: frozenset[int] = frozenset()
    every_checkpoint: bool = False
    prunable: tuple[tuple[int, int], ...] = ()

    def __or__(self, other: "Needs") -> "Needs":
        """What both need."""
        if other is NOTHING:
            return self
        return Needs(
            self.state or other.state,
            self.fields or other.fields,
            self.every_value or other.every_value,
            self.end or other.end,
            self.labels or other.labels,
            self.holds or other.holds,
            self.values | other.values,
            self.kinds | other.kinds,
            self.steps | other.steps,
            self.attempts | other.attempts,
            self.every_attempt or other.every_attempt,
            self.defined or other.defined,
            self.begun or other.begun,
            self.base or other.base,
            self.checkpoints | other.checkpoints,
            self.every_checkpoint or other.every_checkpoint,
            self.prunable or other.prunable,
        )


class Unseen(Exception):
    """A decision found out that it needs to see more: it is taken again with these needs as well."""

    def __init__(self, needs: Needs) -> None:
        super().__init__("more is needed")
        self.needs = needs


NOTHING = Needs()
STATE = Needs(state=True)


def steps(keys: Iterable[str]) -> Needs:
    """The latest attempts at steps."""
    return Needs(steps=frozenset(keys))
