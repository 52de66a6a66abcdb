"""Objects that were parsed lately, so that a package of many of them, or a resumed one, parses each but once."""

import threading
from collections import OrderedDict

from getapi.sources.digitalobject import DigitalObject


class ObjectCache:
    """Parsed objects by the path and identity of their file; the least recently used go first. Safe for threads.

    ``count`` and ``octets`` (of the documents) bound what is kept, but for the latest: one large object with many inline datastreams is
    asked for once for each of them. ``count`` is above the objects of any usual package: whoever resumes has them all asked for again, in
    the same order, and a cache that is a little too small for that never has any of them.
    """

    def __init__(self, *, count: int = 4096, octets: int = 32 * 2**20) -> None:
        self._count = count
        self._octets = octets
        self._held = 0
        self._lock = threading.Lock()
        self._objects: OrderedDict[tuple[str, str], tuple[DigitalObject, int]] = OrderedDict()

    def get(self, path: str, identity: str) -> DigitalObject | None:
        with self._lock:
            found = self._objects.get((path, identity))
            if found is None:
                return None
            self._objects.move_to_end((path, identity))
            return found[0]

    def put(self, path: str, identity: str, value: DigitalObject, octets: int) -> None:
        with self._lock:
            replaced = self._objects.pop((path, identity), None)
            self._held += octets - (replaced[1] if replaced else 0)
            self._objects[path, identity] = value, octets
            while len(self._objects) > 1 and (len(self._objects) > self._count or self._held > self._octets):
                _, (_, dropped) = self._objects.popitem(last=False)
                self._held -= dropped
