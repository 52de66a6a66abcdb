"""Signs of life of a preparation, and the word that it must stop."""

import logging
import math
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from django import db

from getapi.core.errors import PreparationOverdue, PreparationStopped
from getapi.services import jobs
from getapi.services.jobs import Claim
from getapi.services.rounds import close_databases

logger = logging.getLogger("getapi.jobs")

BEAT = 2.0
"""Seconds between two signs of life; within so many a cancelled preparation is noticed."""

SILENCE = 25.0
"""Seconds without one after which a holder stops: soon somebody else may have the job (``jobs.LEASE``)."""

HUNG = 900.0
"""Seconds after which a working thread that asks for nothing counts as hung, in a disk for instance: somebody else shall try."""

stopping = threading.Event()
"""Set when this process is to end: what it prepares goes on elsewhere."""


class Pulse:
    """Gives signs of life from a thread of its own, and tells the working one when it must stop."""

    def __init__(self, held: Claim, *, seconds: float = math.inf, clock: Callable[[], float] = time.monotonic) -> None:
        """``seconds``: so long it may take from now on."""
        self._held = held
        self._clock = clock
        self._lost = self._ended = False
        self._progress = 0.0
        self._renewed = self._asked = clock()
        self._due = clock() + seconds
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def check(self) -> None:
        """Raises PreparationStopped where the job is not this process's any more, was cancelled, or the process is to end, and
        PreparationOverdue where it takes too long."""
        self._asked = self._clock()
        if self._lost or stopping.is_set() or self._clock() - self._renewed > SILENCE:
            raise PreparationStopped
        if self._clock() >= self._due:
            raise PreparationOverdue

    def reach(self, per_cent: float) -> None:
        """So much is done; it never becomes less."""
        self._progress = max(self._progress, per_cent)
        self.check()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended = True
        self._wake.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._wake.wait(BEAT) and not self._ended:
                self._renew()
        finally:
            close_databases()

    def _renew(self) -> None:
        began = self._clock()
        if began - self._asked > HUNG:
            return
        try:
            if jobs.renew(self._held, int(self._progress)):
                self._renewed = began
            else:
                self._lost = True
        except db.Error:
            close_databases()  # a new connection for the next time
        except Exception:  # the edge of a thread: without signs of life the work stops by itself
            logger.exception("a preparation could not give a sign of life")
