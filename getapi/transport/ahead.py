"""The readings that one window waits for, begun in the order in which they are needed, and a little before."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from getapi.core.plan import Entry
from getapi.transport.verifier import Reading

MEMBERS = 16
"""Readings that wait for the sender at most."""

OCTETS = 64 << 20
"""Octets of all their members after which no further one is begun."""


class Ahead:
    """``wanted`` gives the entries in the window's order; ``ask`` begins an entry's reading, ``leave`` gives it up. Must be closed."""

    def __init__(self, wanted: Iterator[Entry], *, ask: Callable[[Entry], Reading], leave: Callable[[Reading], None]) -> None:
        self._wanted = wanted
        self._ask = ask
        self._leave = leave
        self._asked: set[str] = set()
        self._begun: dict[str, Reading] = {}
        self._octets = 0

    def begin(self) -> None:
        """As many readings as are within the bounds; the next one always."""
        while len(self._begun) < MEMBERS and (not self._begun or self._octets < OCTETS):
            entry = next(self._wanted, None)
            if entry is None:
                return
            if entry.path not in self._asked:
                self._begun[entry.path] = self._begin(entry)
                self._octets += entry.size

    @contextmanager
    def reading(self, entry: Entry) -> Iterator[Reading]:
        """The reading of the entry whose turn it is, while those of the next ones go on."""
        reading = self._begun.pop(entry.path, None)
        if reading is None:
            reading = self._begin(entry)
        else:
            self._octets -= entry.size
        try:
            self.begin()
            yield reading
        finally:
            self._leave(reading)

    def _begin(self, entry: Entry) -> Reading:
        self._asked.add(entry.path)
        return self._ask(entry)

    def close(self) -> None:
        while self._begun:
            self._leave(self._begun.popitem()[1])
        # Both know who asks, and so this: the whole package's layout would wait for the garbage collector.
        self._wanted, self._ask = iter(()), _closed


def _closed(entry: Entry) -> Reading:
    raise ValueError(f"no reading of {entry.path} is begun any more")
