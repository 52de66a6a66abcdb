"""Counters of all processes of one node, in memory that they share: whichever of them is asked can tell the sums.

A server's main process makes the memory before it forks, and gives each process a slot of its own to write to, so that no two ever write
the same octets. A slot outlives its process: whoever takes it next goes on counting where the dead one stopped. There are no files, so that
nothing is left over by whatever end.
"""

import mmap
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress

SLOTS = 64
"""More than one node's processes, the old and the new ones during a reload together."""

SLOT = 1 << 18
"""Octets. Pages that nobody writes to are never there."""

_HEAD = struct.Struct("=QQ")
"""Octets in use, and the number of the process that writes here."""

_RECORD = struct.Struct("=dQ")
"""The value, and the octets of the name that follows, which is filled up to a multiple of 8: a value never lies across two cache lines, so
that a reader sees it as it was before or after a change."""

_SEPARATOR = "\x1f"

Name = tuple[str, ...]
"""What is counted, and the values of its labels."""


class Tally:
    """Safe for threads. ``slots`` times ``size`` octets."""

    def __init__(self, *, slots: int = SLOTS, size: int = SLOT) -> None:
        self._memory = mmap.mmap(-1, slots * size)
        self._slots = slots
        self._size = size
        self._begin = 0
        self.reset()

    def reset(self) -> None:
        """For the process that was forked from this one."""
        self._lock = threading.Lock()
        self._places: dict[Name, int] = {}
        self._counts = True

    def abstain(self) -> None:
        """For a process for which there is no slot: it counts nothing, and can tell what the others counted."""
        with self._lock:
            self._counts = False

    def take(self, slot: int) -> None:
        """This process writes to that slot from now on. Raises IndexError where there is none."""
        if not 0 <= slot < self._slots:
            raise IndexError(slot)
        with self._lock:
            self._begin = slot * self._size
            self._places = {name: place for name, place, _ in self._records(self._begin)}
            used, _ = _HEAD.unpack_from(self._memory, self._begin)
            _HEAD.pack_into(self._memory, self._begin, used, os.getpid())

    def leave(self, slot: int, pid: int) -> None:
        """For whoever saw that process end: another one may get its number."""
        begin = slot * self._size
        used, owner = _HEAD.unpack_from(self._memory, begin)
        if owner == pid:
            _HEAD.pack_into(self._memory, begin, used, 0)

    def add(self, *name: str, amount: float = 1.0) -> None:
        """Where a slot has no room for one more name, it goes without: names are few, and no delivery may fail for a number."""
        with self._lock:
            place = self._place(name)
            if place is not None:
                (value, _) = _RECORD.unpack_from(self._memory, place)
                struct.pack_into("=d", self._memory, place, value + amount)

    def put(self, *name: str, value: float) -> None:
        """What is so now in this process."""
        with self._lock:
            place = self._place(name)
            if place is not None:
                struct.pack_into("=d", self._memory, place, value)

    def sums(self) -> dict[Name, float]:
        """Over all processes that there ever were, in the order in which names appeared."""
        found: dict[Name, float] = {}
        for slot in range(self._slots):
            for name, _, value in self._records(slot * self._size):
                found[name] = found.get(name, 0.0) + value
        return found

    def of_living(self, *name: str) -> dict[int, float]:
        """What each process that lives has put there, by its slot; 0 where it has put nothing."""
        found = {}
        for slot in self.living():
            found[slot] = next((value for known, _, value in self._records(slot * self._size) if known == name), 0.0)
        return found

    def living(self) -> dict[int, int]:
        """The process number of each slot whose process lives."""
        owners = {slot: _HEAD.unpack_from(self._memory, slot * self._size)[1] for slot in range(self._slots)}
        return {slot: pid for slot, pid in owners.items() if pid and _lives(pid)}

    @property
    def is_first(self) -> bool:
        """Whether this process has the first of the living ones' slots: what only one process of a node is to do, it does."""
        return self._counts and next(iter(self.living()), None) == self._begin // self._size

    def _place(self, name: Name) -> int | None:
        if not self._counts:
            return None
        if name not in self._places:
            text = _SEPARATOR.join(name).encode("utf-8", "replace")
            used, _ = _HEAD.unpack_from(self._memory, self._begin)
            place = self._begin + _HEAD.size + used
            end = place + _RECORD.size + len(text) + -len(text) % 8
            if end > self._begin + self._size:
                return None
            _RECORD.pack_into(self._memory, place, 0.0, len(text))
            self._memory[place + _RECORD.size : place + _RECORD.size + len(text)] = text
            # The last step: until then a reader does not look there.
            struct.pack_into("=Q", self._memory, self._begin, end - self._begin - _HEAD.size)
            self._places[name] = place
        return self._places[name]

    def _records(self, begin: int) -> Iterator[tuple[Name, int, float]]:
        used, _ = _HEAD.unpack_from(self._memory, begin)
        place, end = begin + _HEAD.size, begin + _HEAD.size + used
        while place < end:
            value, length = _RECORD.unpack_from(self._memory, place)
            text = self._memory[place + _RECORD.size : place + _RECORD.size + length]
            yield tuple(text.decode().split(_SEPARATOR)), place, value
            place += _RECORD.size + length + -length % 8


def _lives(pid: int) -> bool:
    with suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True


tally = Tally()
"""This node's, where a server's main process made it; else this process's own."""

os.register_at_fork(after_in_child=tally.reset)
