"""What was learned of objects lately, so that a package of many of them, or a resumed one, reads each but once."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from getapi.core.source import ObjectRecord

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ObjectCache(Generic[K, V]):
    """Values by key; the least recently used go first. Safe for threads.

    ``count`` and ``octets`` (of the documents) bound what is kept, but for the latest: one large object with many inline datastreams is
    asked for once for each of them. ``count`` is above the objects of any usual package: whoever resumes has them all asked for again, in
    the same order, and a cache that is a little too small for that never has any of them.
    """

    def __init__(self, *, count: int = 4096, octets: int = 32 * 2**20) -> None:
        self._count = count
        self._octets = octets
        self._held = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        if key not in self._kept:  # most objects are asked for once
            return None
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def drop(self, key: K) -> None:
        """Nothing is remembered of it any more."""
        with self._lock:
            _, octets = self._kept.pop(key, (None, 0))
            self._held -= octets

    def put(self, key: K, value: V, octets: int) -> None:
        with self._lock:
            replaced = self._kept.pop(key, None)
            self._held += octets - (replaced[1] if replaced else 0)
            self._kept[key] = value, octets
            while len(self._kept) > 1 and (len(self._kept) > self._count or self._held > self._octets):
                _, (_, dropped) = self._kept.popitem(last=False)
                self._held -= dropped


_OCTETS = 2048
"""What a datastream's record takes in memory, about, with what is found out from it."""


class Records:
    """The last record of each object whose server has to be asked each time: what says the same as before is the same value, and all that
    was found out from that need not be found out again. Safe for threads."""

    def __init__(self) -> None:
        self._kept = ObjectCache[str, ObjectRecord]()

    def settle(self, record: ObjectRecord) -> ObjectRecord:
        """The record of before, where nothing has changed; else this one."""
        known = self._kept.get(record.pid)
        if known is not None and known == record:
            return known
        self._kept.put(record.pid, record, _OCTETS * (1 + len(record.datastreams)))
        return record
