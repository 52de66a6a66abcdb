"""The thread of a process that watches its running transfers; a thread inside ``sendfile`` cannot see the clock.

It never asks the database (services.rounds does, in a thread of its own): one that does not answer must not keep a stall from being seen.
"""

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary, WeakSet

from getapi import conf
from getapi.core import slots
from getapi.core.errors import DeliveryError, DeliveryOverdue, DeliveryShutDown, DeliveryStalled, PackagingError, TooManyDeliveries
from getapi.services.recorder import recorder
from getapi.transport.transfer import Transfer

logger = logging.getLogger("getapi.watcher")

INTERVAL = 1.0
"""Seconds between two looks."""

RESERVED_THREADS = 8
"""Threads of each process that no delivery gets, so that there is always one for tokens and health."""

KEPT_THREADS = 4
"""Of those: threads that those who plan do not get either (services.planning)."""

LEASE = 25.0
"""Seconds without a word to the database after which a process gives up its slots: five before others may take them."""

STOP_MARGIN = 5.0
"""Seconds that a cut delivery has for its row and its log line before the server kills the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """``timeouts.*`` in seconds; 0 means none.

    ``lease``: after so long without a word to the database that it is alive, a process ends all that holds a slot, because that may have
    been given to others.
    """

    stall: float = 0
    datastream: float = 0
    package: float = 0
    lease: float = 0


def configured() -> Deadlines:
    timeouts = conf.current().timeouts
    return Deadlines(stall=timeouts.stall, datastream=timeouts.datastream, package=timeouts.package, lease=LEASE)


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
        self._threads: int | None = None
        self._others: Callable[[], int] = lambda: 0
        self._stopping: Callable[[], bool] = lambda: False
        self._grace = 0.0
        self._last_call: float | None = None
        self.reset()

    def reset(self) -> None:
        """Forgets the thread and the transfers of the process that this one was forked from."""
        self._lock = threading.Lock()
        self._transfers: WeakSet[Transfer] = WeakSet()
        self._readers: WeakKeyDictionary[Transfer, str] = WeakKeyDictionary()
        self._leased: WeakSet[Transfer] = WeakSet()
        self._thread: threading.Thread | None = None

    def serve(self, *, threads: int, grace: float, stopping: Callable[[], bool]) -> None:
        """The server's word: it has ``threads`` a process, and kills this one ``grace`` seconds after ``stopping`` turns true."""
        self._threads = threads
        self._grace, self._stopping = grace, stopping

    def count_also(self, others: Callable[[], int]) -> None:
        """``others``: threads that are held by something else than deliveries."""
        self._others = others

    @property
    def spare(self) -> float:
        """Threads that neither send nor are kept for tokens and health; without end where no server has said how many there are."""
        return math.inf if self._threads is None else self._threads - KEPT_THREADS - len(self._transfers)

    def register(self, transfer: Transfer, reader: str = "") -> None:
        """``reader``: whose it is. Raises TooManyDeliveries where this process is full, or the reader has as much of it as is left."""
        others = self._others()
        with self._lock:
            if self._threads is not None:
                self._hold(reader, max(self._threads - RESERVED_THREADS, 1), others)
            self._transfers.add(transfer)
            self._readers[transfer] = reader
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._repeat, name="watcher", daemon=True)
                self._thread.start()

    def _hold(self, reader: str, capacity: int, others: int) -> None:
        """However many connections one reader opens, he gets no more than he leaves: half of what nobody else uses (Choudhury and Hahne's
        dynamic threshold). An administrator who allows a reader more at once means it."""
        free = min(capacity, max(capacity + RESERVED_THREADS - KEPT_THREADS - others, 1)) - len(self._transfers)
        if free <= 0:
            raise self._full("threads", capacity, list(self._transfers))
        own = [transfer for transfer, each in self._readers.items() if each == reader and transfer in self._transfers]
        if reader and len(own) >= max(free, conf.current().limits.per_reader):
            raise self._full("share", len(own), own)

    def _full(self, which: str, limit: int, transfers: list[Transfer]) -> TooManyDeliveries:
        return TooManyDeliveries(which, limit=limit, retry_after=soonest(transfers, self._clock()))

    def lease(self, transfer: Transfer) -> None:
        """It holds a slot, which is lost when the process cannot renew it."""
        with self._lock:
            self._leased.add(transfer)

    def forget(self, transfer: Transfer) -> None:
        with self._lock:
            self._transfers.discard(transfer)
            self._leased.discard(transfer)

    def look(self) -> None:
        """One look: cuts what stalls, what is overdue, and everything when the process is about to be killed."""
        now, deadlines = self._clock(), self._deadlines()
        ended = DeliveryShutDown() if self._is_last_call(now) else None
        lost = self._lost_lease(deadlines)
        for transfer in self._running():
            error = ended or (lost if transfer in self._leased else None) or verdict(transfer, deadlines, now)
            if error is not None:
                transfer.cut(error)

    def stop(self) -> None:
        """Cuts everything now, and by the next look what only begins: requests may wait for a thread still."""
        self._last_call = self._clock()
        for transfer in self._running():
            transfer.cut(DeliveryShutDown())

    def _lost_lease(self, deadlines: Deadlines) -> PackagingError | None:
        """Why all that hold a slot must end now, or None."""
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
    return slots.retry_after(_remaining(transfer, now) for transfer in transfers)


def _remaining(transfer: Transfer, now: float) -> float:
    done = transfer.acknowledged
    return (transfer.total - done) * (now - transfer.started) / done if done else float("inf")


watcher = Watcher(lease_age=lambda: recorder.lease_age)
"""This process's."""

os.register_at_fork(after_in_child=watcher.reset)
