"""This process's freed memory, on its way back to the system while deliveries run.

A crowd that asks at once plans, packs and writes rows at once, and between what is freed of that lies what the response of each slow reader
still needs. The C library gives back by itself only what is free behind the last of these: measured with 1,000 readers, 33 KB for each of
them stayed where 2 would do.
"""

import ctypes
import time
from collections.abc import Callable

INTERVAL = 2.0
"""Seconds between two times; each takes a millisecond or two, in which other threads may wait for memory."""


def trim() -> None:
    """Every whole page that is free. Of a C library without ``malloc_trim`` nothing is asked."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)


class Heap:
    """``give_back`` is called every INTERVAL seconds at most."""

    def __init__(self, give_back: Callable[[], None] = trim, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._give_back = give_back
        self._clock = clock
        self._next = clock() + INTERVAL

    def tidy(self) -> bool:
        """A duty (services.rounds), for as long as others want rounds: false, since it never needs one itself."""
        now = self._clock()
        if now >= self._next:
            self._next = now + INTERVAL
            self._give_back()
        return False
