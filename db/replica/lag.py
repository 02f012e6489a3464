"""How many seconds a standby is behind, by where the primary's log ended at which time.

It takes no clock but that of this process, and a primary at rest makes no lag: who has all of its log is not
behind, however long ago that was written.
"""

_MOST_SAMPLES = 1_000


class Lag:
    """Moments, in seconds of one clock that never goes back, and where the primary's log ended then."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, int]] = []

    @property
    def end(self) -> int | None:
        """Where the primary's log ended when it was last noted."""
        return self._samples[-1][1] if self._samples else None

    def note(self, moment: float, end: int) -> None:
        """The primary's log ends there at this moment."""
        if self._samples and end < self._samples[-1][1]:
            self._samples.clear()  # another primary, with another log
        self._samples.append((moment, end))
        if len(self._samples) > _MOST_SAMPLES:
            # A standby that has stood still for long is told of less exactly, from the beginning on.
            self._samples = [*self._samples[:-2:2], self._samples[-1]]

    def seconds(self, now: float, replayed: int) -> float | None:
        """Since when the primary has had more than `replayed`; None where nobody knows."""
        if not self._samples:
            return None
        while len(self._samples) > 1 and self._samples[1][1] <= replayed:
            del self._samples[0]
        since, had = self._samples[0]
        if had > replayed:
            return None
        if len(self._samples) == 1:
            return 0.0
        until, has = self._samples[1]
        # Between two moments the log is taken to have grown evenly.
        return max(0.0, now - since - (until - since) * (replayed - had) / (has - had))

    def begin(self, moment: float, replayed: int) -> None:
        """The standby has had all of the log as it was at this moment, before anything was noted."""
        self._samples.insert(0, (moment, replayed))
