"""The thread of a process that watches its running transfers; a thread inside ``sendfile`` cannot see the clock.

It never asks the database (services.rounds does, in a thread of its own): one that does not answer must not keep a stall from being seen.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakSet

from getapi import conf
from getapi.core.errors import DeliveryError, DeliveryOverdue, DeliveryShutDown, DeliveryStalled, PackagingError, TooManyDeliveries
from getapi.services.recorder import recorder
from getapi.transport.transfer import Transfer

logger = logging.getLogger("getapi.watcher")

INTERVAL = 1.0
"""Seconds between two looks."""

RESERVED_THREADS = 8
"""Threads of each process that no delivery gets, so that there is always one for tokens and health."""

STOP_MARGIN = 5.0
"""Seconds that a cut delivery has for its row and its log line before the server kills the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """``timeouts.*`` in seconds; 0 means none.

    ``lease``: after so long without a word to the database that it is alive, a process ends all that it sends, because its places may
    have been given to others. No places are given by leases yet, so it is off.
    """

    stall: float = 0
    datastream: float = 0
    package: float = 0
    lease: float = 0


def configured() -> Deadlines:
    timeouts = conf.current().timeouts
    return Deadlines(stall=timeouts.stall, datastream=timeouts.datastream, package=timeouts.package)


class Watcher:
    """Looks at every registered transfer once a second, while there is one. Transfers that nobody else knows any more are forgotten."""

    def __init__(
        self,
        deadlines: Callable[[], Deadlines] = configured,
        *,
        clock: Callable[[], float] = time.monotonic,
        lease_age: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """``lease_age``: the seconds since the database was last told that this process is alive."""
        self._deadlines = deadlines
        self._lease_age = lease_age
        self._clock = clock
        self._capacity: int | None = None
        self._stopping: Callable[[], bool] = lambda: False
        self._grace = 0.0
        self._last_call: float | None = None
        self.reset()

    def reset(self) -> None:
        """Forgets the thread and the transfers of the process that this one was forked from."""
        self._lock = threading.Lock()
        self._transfers: WeakSet[Transfer] = WeakSet()
        self._thread: threading.Thread | None = None

    def serve(self, *, threads: int, grace: float, stopping: Callable[[], bool]) -> None:
        """The server's word: it has ``threads`` a process, and kills this one ``grace`` seconds after ``stopping`` turns true."""
        self._capacity = max(threads - RESERVED_THREADS, 1)
        self._grace, self._stopping = grace, stopping

    def register(self, transfer: Transfer) -> None:
        """Raises TooManyDeliveries where this process is full."""
        with self._lock:
            if self._capacity is not None and len(self._transfers) >= self._capacity:
                raise TooManyDeliveries(limit=self._capacity, retry_after=soonest(list(self._transfers), self._clock()))
            self._transfers.add(transfer)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._repeat, name="watcher", daemon=True)
                self._thread.start()

    def forget(self, transfer: Transfer) -> None:
        with self._lock:
            self._transfers.discard(transfer)

    def look(self) -> None:
        """One look: cuts what stalls, what is overdue, and everything when the process is about to be killed."""
        now, deadlines = self._clock(), self._deadlines()
        general = self._general_verdict(deadlines, now)
        for transfer in self._running():
            error = general or verdict(transfer, deadlines, now)
            if error is not None:
                transfer.cut(error)

    def stop(self) -> None:
        """Cuts everything now, and by the next look what only begins: requests may wait for a thread still."""
        self._last_call = self._clock()
        for transfer in self._running():
            transfer.cut(DeliveryShutDown())

    def _general_verdict(self, deadlines: Deadlines, now: float) -> PackagingError | None:
        """Why all of them must end now, or None."""
        if self._is_last_call(now):
            return DeliveryShutDown()
        if 0 < deadlines.lease <= self._lease_age():
            return DeliveryError("The database has not heard of this process for too long", seconds=round(deadlines.lease))
        return None

    def _is_last_call(self, now: float) -> bool:
        if not self._stopping():
            return False
        if self._last_call is None:
            self._last_call = now + max(self._grace - STOP_MARGIN, 0)
        return now >= self._last_call

    def _running(self) -> list[Transfer]:
        with self._lock:
            return list(self._transfers)

    def _repeat(self) -> None:
        while self._continues():
            time.sleep(INTERVAL)
            try:
                self.look()
            except Exception:  # the edge of a thread: without it nothing that runs would be watched any more
                logger.exception("the watcher failed and goes on")

    def _continues(self) -> bool:
        with self._lock:
            if self._transfers:
                return True
            self._thread = None
            return False


def verdict(transfer: Transfer, deadlines: Deadlines, now: float) -> PackagingError | None:
    """Why a transfer must end now, or None. Progress is what the other end acknowledges, not what calls return (SPEC 6)."""
    if 0 < deadlines.stall <= transfer.idle(now):
        return DeliveryStalled()
    if 0 < deadlines.datastream <= now - transfer.entered and transfer.entry is not None:
        return DeliveryOverdue()
    if 0 < deadlines.package <= now - transfer.started:
        return DeliveryOverdue()
    return None


def soonest(transfers: list[Transfer], now: float) -> int:
    """Seconds until the nearest transfer ends at its rate so far, held to 5-300 (SPEC 6)."""
    nearest = min((_remaining(transfer, now) for transfer in transfers), default=300.0)
    return round(max(5.0, min(300.0, nearest)))


def _remaining(transfer: Transfer, now: float) -> float:
    done = transfer.acknowledged
    return (transfer.total - done) * (now - transfer.started) / done if done else float("inf")


watcher = Watcher(lease_age=lambda: recorder.lease_age)
"""This process's."""

os.register_at_fork(after_in_child=watcher.reset)
