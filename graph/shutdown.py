"""How a serving process ends: step by step, each with its deadline, and at once on a second signal.

A step that takes longer than a second is named in the log. One that outlasts its deadline, as when a thread
hangs or a task can't be cancelled, ends the process with status 1, after the stacks of its threads went to
standard error; what must not outlive the process is ended first.
"""

import faulthandler
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

logger = logging.getLogger("flowkeep")

_SAID_AFTER = 1.0


class Shutdown:
    """The end of this process, from its first signal on.

    A process that others stop in order is `patient`: more than one of them may ask it to.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self._patient = patient
        self._begun = False
        self._abandon: list[Callable[[], None]] = []

    @property
    def begun(self) -> bool:
        """Whether a signal has come."""
        return self._begun

    def abandon(self, last_act: Callable[[], None]) -> None:
        """Have `last_act` done, which must not wait for anything, where the process can't end in order."""
        self._abandon.insert(0, last_act)

    def signalled(self, number: int) -> None:
        """A signal to stop has come; the second one ends the process at once."""
        if self._begun and not self._patient:
            logger.warning("A second %s: ending at once", signal.Signals(number).name)
            self._exit(128 + number)
        self._begun = True

    @contextmanager
    def step(self, what: str, seconds: float) -> Iterator[None]:
        """A step of the end, which waits for `what`; the process does not outlive its deadline."""
        over = threading.Event()
        watch = threading.Thread(target=self._watch, args=(what, seconds, over), daemon=True)
        watch.start()
        try:
            yield
        finally:
            over.set()
            watch.join()

    def _watch(self, what: str, seconds: float, over: threading.Event) -> None:
        if over.wait(min(_SAID_AFTER, seconds)):
            return
        logger.info("Stopping: waiting for %s, %g s at most", what, seconds)
        if not over.wait(seconds - min(_SAID_AFTER, seconds)):
            logger.error("Stopping: %s did not end within %g s, ending without", what, seconds)
            faulthandler.dump_traceback(all_threads=True)
            self._exit(1)

    def _exit(self, status: int) -> None:
        for last_act in self._abandon:
            last_act()
        os._exit(status)
