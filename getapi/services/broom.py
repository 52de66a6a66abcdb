"""Sweeps the stage by a thread of its own: its disk may hang, and then nobody else may hang with it."""

import logging
import threading
import time
from collections.abc import Callable

from getapi.services import stage
from getapi.services.rounds import close_databases

logger = logging.getLogger("getapi.stage")

LONG = 120.0
"""Seconds after which a sweep that has not come to its end is told of, once."""


class Broom:
    """However often it is asked for, one sweep is made at a time, and one thread hangs."""

    def __init__(self, work: Callable[[], int] = stage.sweep, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._work = work
        self._clock = clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._began = 0.0
        self._is_told = False
        self._count = 0

    def sweep(self, seconds: float = 0.0) -> int:
        """Begins one, unless one is at work; how many files it deleted, if it was done within ``seconds``."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._began, self._is_told, self._count = self._clock(), False, 0
                self._thread = threading.Thread(target=self._run, name="broom", daemon=True)
                self._thread.start()
            elif self._clock() - self._began > LONG and not self._is_told:
                self._is_told = True
                logger.error("the stage's disk does not answer: nothing of it can be swept, prepared or sent")
            thread = self._thread
        thread.join(seconds)
        return 0 if thread.is_alive() else self._count

    def _run(self) -> None:
        try:
            self._count = self._work()
        except Exception:  # the edge of a thread: the next sweep tries again
            logger.exception("the stage could not be swept")
        finally:
            close_databases()
