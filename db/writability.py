"""Whether the database takes writes, as those of this process showed.

A disk that is full refuses some writes and not others: one that fits into a page that is there passes. So the
first refusal begins an episode, and only a trial that needs room ends it. Each end is logged once.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from db.errors import Unwritable
from db.translation import driver_error

logger = logging.getLogger("flowkeep.database")
# For the log of a service: a command says the refusal itself, which is enough.
logger.addHandler(logging.NullHandler())


class Writability:
    """What the last refusal was, as long as it holds.

    While the trial can't be made at all (`untried`), the next write that passes ends the episode instead.
    """

    def __init__(self) -> None:
        self._since = 0.0
        self.refusal: Unwritable | None = None
        self.untried = False

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Around a write: take note where the database refuses it for want of room or the like."""
        try:
            yield
        except Unwritable as error:
            if self.refusal is None:
                self._since = time.monotonic()
                # Not the statement, nor its values: those of a token don't belong into a log.
                logger.error("%s PostgreSQL says: %s", error, getattr(driver_error(error), "message", None))
            self.refusal = error
            raise
        if self.untried:
            self.restore()

    def restore(self) -> None:
        """The episode has ended."""
        if self.refusal is not None:
            logger.warning("The database takes writes again after %.0f s.", time.monotonic() - self._since)
        self.refusal = None
        self.untried = False
