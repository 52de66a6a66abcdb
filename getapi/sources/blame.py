"""Datastreams of which a server said something that turned out not to be so: the next package leaves them out, and says why."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from getapi.core.source import DatastreamRecord

REMEMBERED = 600.0
"""Seconds; then the server may have been put right."""

MOST = 10_000


class Blame:
    """By repository, in this process. Safe for threads. A datastream of another identity is another one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def put(self, datastream: DatastreamRecord) -> None:
        with self._lock:
            self._until[_key(datastream)] = self._clock() + REMEMBERED
            while len(self._until) > MOST:
                self._until.popitem(last=False)

    def rests_on(self, datastream: DatastreamRecord) -> bool:
        until = self._until.get(_key(datastream))
        return until is not None and self._clock() < until

    def rests_on_any(self, pid: str) -> bool:
        """Whether an object has such a datastream, or had one lately."""
        with self._lock:
            return any(key[0] == pid for key in self._until) if self._until else False


def _key(datastream: DatastreamRecord) -> tuple[str, str, str]:
    return datastream.pid, datastream.dsid, datastream.identity
