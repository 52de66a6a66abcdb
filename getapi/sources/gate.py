"""How many exchanges with one server there are at the same time, and who makes room."""

import threading
import time
import weakref
from typing import Protocol

IDLE = 3.0
"""Seconds without being read after which content may have to give its place to somebody else, and to go on later: its reader is slow."""

PAUSE = 0.25


class Holder(Protocol):
    """Content that holds a place for as long as its reader takes."""

    used: float
    """When it was last read, by time.monotonic."""

    def park(self) -> bool:
        """Gives its place up, if it can take up again where it was; False where it cannot, or is being read."""


class Gate:
    """``places`` for exchanges. Slow readers, of which there may be any number, do not keep everybody else out. Safe for threads."""

    def __init__(self, places: int) -> None:
        self.places = places
        self._free = threading.BoundedSemaphore(places)
        self._holders: weakref.WeakSet[Holder] = weakref.WeakSet()
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        return self.places - self._free._value  # noqa: SLF001 # a number for tests and logs; nothing rests on it

    def enter(self, seconds: float) -> bool:
        """Whether there was a place within that time; whoever got one must ``leave``."""
        if self._free.acquire(blocking=False):
            return True
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._make_room()
            if self._free.acquire(timeout=min(left, PAUSE)):
                return True
        return False

    def leave(self) -> None:
        self._free.release()

    def hold(self, holder: Holder) -> None:
        with self._lock:
            self._holders.add(holder)

    def _make_room(self) -> None:
        """The longest idle one goes first."""
        with self._lock:
            holders = sorted(self._holders, key=lambda holder: holder.used)
        now = time.monotonic()
        for holder in holders:
            if now - holder.used < IDLE or holder.park():
                return
