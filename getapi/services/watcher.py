"""The two threads of a process that watch its running transfers; a thread inside ``sendfile`` can see neither clock nor database.

One sees stalls and deadlines, the other asks the database for cancelled packages: a database that does not answer must not keep
a stall from being seen.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from django import db

from getapi import conf
from getapi.core.errors import (
    DeliveryOverdue,
    DeliveryShutDown,
    DeliveryStalled,
    PackageCanceled,
    PackagingError,
    TooManyDeliveries,
)
from getapi.services import shelf
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
    """``timeouts.*`` in seconds; 0 means none."""

    stall: float = 0
    datastream: float = 0
    package: float = 0


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
        heed: Callable[[Collection[str]], Collection[str]] = lambda _: (),
    ) -> None:
        """``heed`` is told the ids of the packages that are being sent, and says which of them were cancelled."""
        self._deadlines = deadlines
        self._heed = heed
        self._clock = clock
        self._capacity: int | None = None
        self._stopping: Callable[[], bool] = lambda: False
        self._grace = 0.0
        self._last_call: float | None = None
        self.reset()

    def reset(self) -> None:
        """Forgets threads and transfers of the process that this one was forked from."""
        self._lock = threading.Lock()
        self._transfers: WeakKeyDictionary[Transfer, str] = WeakKeyDictionary()
        self._threads: dict[str, threading.Thread] = {}

    def serve(self, *, threads: int, grace: float, stopping: Callable[[], bool]) -> None:
        """The server's word: it has ``threads`` a process, and kills this one ``grace`` seconds after ``stopping`` turns true."""
        self._capacity = max(threads - RESERVED_THREADS, 1)
        self._grace, self._stopping = grace, stopping

    def register(self, transfer: Transfer, *, package: str = "") -> None:
        """``package`` is the id, empty for a single datastream. Raises TooManyDeliveries where this process is full."""
        with self._lock:
            if self._capacity is not None and len(self._transfers) >= self._capacity:
                raise TooManyDeliveries(limit=self._capacity, retry_after=soonest(list(self._transfers), self._clock()))
            self._transfers[transfer] = package
            self._start("watcher", self.look)
            self._start("cancellations", self.cut_canceled)

    def forget(self, transfer: Transfer) -> None:
        with self._lock:
            self._transfers.pop(transfer, None)

    def look(self) -> None:
        """One look: cuts what stalls, what is overdue, and everything when the process is about to be killed."""
        now, deadlines = self._clock(), self._deadlines()
        last = self._is_last_call(now)
        for transfer in self._running():
            error = DeliveryShutDown() if last else verdict(transfer, deadlines, now)
            if error is not None:
                transfer.cut(error)

    def cut_canceled(self) -> None:
        """Cuts what was cancelled in whatever process, and tells the database of what runs here."""
        with self._lock:
            packages = dict(self._transfers)
        ids = frozenset(filter(None, packages.values()))
        canceled = self._heed(ids) if ids else ()
        for transfer, package in packages.items():
            if package in canceled:
                transfer.cut(PackageCanceled())

    def stop(self) -> None:
        """Cuts everything now, and by the next look what only begins: requests may wait for a thread still."""
        self._last_call = self._clock()
        for transfer in self._running():
            transfer.cut(DeliveryShutDown())

    def _is_last_call(self, now: float) -> bool:
        if not self._stopping():
            return False
        if self._last_call is None:
            self._last_call = now + max(self._grace - STOP_MARGIN, 0)
        return now >= self._last_call

    def _running(self) -> list[Transfer]:
        with self._lock:
            return list(self._transfers)

    def _start(self, name: str, step: Callable[[], None]) -> None:
        running = self._threads.get(name)
        if running is None or not running.is_alive():
            self._threads[name] = threading.Thread(target=self._repeat, args=(name, step), name=name, daemon=True)
            self._threads[name].start()

    def _repeat(self, name: str, step: Callable[[], None]) -> None:
        while self._continues(name):
            time.sleep(INTERVAL)
            try:
                step()
            except Exception:  # the edge of a thread: without it nothing that runs would be watched any more
                logger.exception("the watcher failed and goes on")
        db.connections.close_all()

    def _continues(self, name: str) -> bool:
        with self._lock:
            if self._transfers:
                return True
            del self._threads[name]
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


watcher = Watcher(heed=shelf.heed)
"""This process's."""

os.register_at_fork(after_in_child=watcher.reset)
