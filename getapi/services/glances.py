"""Which packages were looked at lately: a page asks every second or two how its package stands, and none of that moves a byte."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOST = 4096
"""Packages that are remembered; some 200 octets each."""


class Glances:
    """Of this process, each for ``pause`` seconds. Safe for threads."""

    def __init__(self, *, pause: float, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, float] = OrderedDict()

    @contextmanager
    def looking(self, package_id: str) -> Iterator[None]:
        """What is done within asks its repository; it is remembered when that succeeds, and forgotten when it does not."""
        with self._lock:
            self._seen.pop(package_id, None)
        begun = self._clock()
        yield
        with self._lock:
            self._seen[package_id] = begun
            self._seen.move_to_end(package_id)
            while len(self._seen) > self._most:
                self._seen.popitem(last=False)

    def is_fresh(self, package_id: str) -> bool:
        with self._lock:
            seen = self._seen.get(package_id)
        return seen is not None and self._clock() - seen < self._pause
