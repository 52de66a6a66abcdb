"""The one thread of a process that writes to the database what its other threads leave to be written, a round each second.

A response's own thread may sit in ``sendfile``, and the watcher must see a stall also while the database does not answer: neither of them
may wait for it. Whoever has something to write keeps it, registers a duty here, and wakes the thread when it cannot wait a second.
"""

import logging
import os
import threading
import time
from collections.abc import Callable

from django import db

from getapi.services import meters

logger = logging.getLogger("getapi.rounds")

INTERVAL = 1.0
"""Seconds between two rounds that nobody asked for."""

AWAY = (db.OperationalError, db.InterfaceError)
"""What says that the database is away or locked, and not that a row is wrong."""

UNWRITABLE = (db.Error, ValueError, TypeError, OverflowError)
"""What says, unless it is one of AWAY, that a value cannot be kept in its column: the database's own word, and what its drivers say of NUL
and lone surrogates, of what is no JSON, and of a number of more than 64 bits."""

Duty = Callable[[], bool]
"""Does what is to be done now; says whether it wants another round soon. What it could not do it keeps, and raises django.db.Error."""


class Rounds:
    """Goes through its duties once a second, while any of them wants it. ``in_background`` false: whoever wakes it goes the round."""

    def __init__(self, *, interval: float = INTERVAL, clock: Callable[[], float] = time.monotonic) -> None:
        self.in_background = True
        self._interval = interval
        self._clock = clock
        self._duties: list[Duty] = []
        self.reset()

    def reset(self) -> None:
        """Forgets the thread of the process that this one was forked from; the duties stay."""
        self._changed = threading.Condition()
        self._round = threading.RLock()
        self._thread: threading.Thread | None = None
        self._is_asked = False
        self._is_engaged = False
        self._wants_more = False
        self._away_since: float | None = None

    @property
    def is_away(self) -> bool:
        """Whether the database did not answer in the last round."""
        return self._away_since is not None

    def every_second(self, duty: Duty) -> None:
        """Registers a duty for as long as the process lives. It runs in each round, by no two threads at once."""
        self._duties.append(duty)

    def engage(self) -> None:
        """There is something to do within a second."""
        if self.in_background:
            with self._changed:
                self._is_engaged = True
                self._start()

    def wake(self) -> None:
        """There is something to do now; while the database is away, within a second."""
        if not self.in_background:
            self.go()
            close_databases()
            return
        with self._changed:
            self._is_asked = True
            self._start()
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Waits until no duty wants another round, ``seconds`` at most; returns whether it came to that."""
        if not self.in_background:
            return not self.go()
        self.wake()
        with self._changed:
            return self._changed.wait_for(lambda: not self._is_due, seconds)

    def go(self) -> bool:
        """One round in this thread; returns whether a duty wants another one."""
        with self._round:
            wants_more, fault = False, None
            for duty in self._duties:
                try:
                    wants_more |= duty()
                except AWAY as error:
                    wants_more, fault = True, error
                    close_databases()
                except Exception:  # the edge of a thread: without it nothing would be written any more
                    logger.exception("a duty failed and is tried again")
                    wants_more = True
            self._notice(fault)
            return wants_more

    def _notice(self, fault: Exception | None) -> None:
        """One line when the database goes, and one when it is back."""
        if fault is not None:
            meters.count("database_failures")
        if fault is not None and self._away_since is None:
            self._away_since = self._clock()
            logger.error("the database does not answer: what is to be written waits in memory", extra={"error": str(fault)})
        elif fault is None and self._away_since is not None:
            seconds, self._away_since = self._clock() - self._away_since, None
            logger.warning("the database answers again", extra={"seconds": round(seconds, 1)})

    @property
    def _is_due(self) -> bool:
        return self._is_asked or self._is_engaged or self._wants_more

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, name="rounds", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while self._is_wanted():
            wants_more = self.go()
            with self._changed:
                self._wants_more = wants_more
                self._changed.notify_all()
        close_databases()

    def _is_wanted(self) -> bool:
        """Waits for the next round; false when there is none, and this thread is nobody's any more."""
        with self._changed:
            if self.is_away:
                self._changed.wait_for(lambda: False, self._interval)
            else:
                self._changed.wait_for(lambda: self._is_asked, self._interval)
            if not self._is_due:
                self._thread = None
                return False
            self._is_asked, self._is_engaged, self._wants_more = False, False, True  # until the round that begins says otherwise
            return True


def close_databases() -> None:
    """Gives this thread's connections back, but for one in the middle of a transaction, which has an owner."""
    for connection in db.connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
            if not str(connection.settings_dict["NAME"]).startswith("file:memorydb"):  # which lives in its connection: a test's
                del db.connections[connection.alias]  # with all that Django keeps for it: 4 KB for each slow reader's thread


rounds = Rounds()
"""This process's."""

os.register_at_fork(after_in_child=rounds.reset)
