"""Members that are slow to open, opened before their turn comes: they should not show as gaps."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from getapi.core.layout import Extent, Layout
from getapi.core.source import Content
from getapi.transport.begun import Begun
from getapi.transport.reading import opened

MEMBERS = 8
"""Members of one window that are open before their turn, or being opened, at most."""

NEAR = 8 << 20
"""Octets before a member's turn at which it is opened: earlier, its server might have closed the connection again."""

FIRST = 64 << 10
"""Octets that are read of it at once."""

FRESH = 15.0
"""Seconds for which a member may be open before its turn."""

MOST_THREADS = 128
"""In which members are opened, in the whole process; without a free one a member is opened when its turn comes."""

OpenEntry = Callable[..., Content]

_free = threading.BoundedSemaphore(MOST_THREADS)


class Opening:
    """One member that is opened, and its first octets read, by a thread of its own. Must be taken or discarded."""

    def __init__(self, open_entry: OpenEntry, extent: Extent, clock: Callable[[], float]) -> None:
        self._open = open_entry
        self._extent = extent
        self._clock = clock
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._discarded = False
        self._content: Content | None = None
        self._opened = 0.0
        threading.Thread(target=self._run, name="opening", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Whether it has come to its end by then, good or bad."""
        return self._done.wait(seconds)

    def take(self) -> Content | None:
        """The content; None where it could not be had, or has waited so long that its server may have closed the connection: who then opens
        it is told what there is to tell."""
        if self._clock() - self._opened > FRESH:
            self.discard()
        with self._lock:
            content, self._content = self._content, None
            return content

    def discard(self) -> None:
        with self._lock:
            self._discarded = True
            content, self._content = self._content, None
        if content is not None:
            content.close()

    def _run(self) -> None:
        try:
            self._keep(self._begin())
        except Exception:  # noqa: BLE001, S110 # the edge of a thread: in its turn it is opened again, and fails where somebody hears it
            pass
        finally:
            _free.release()
            self._done.set()

    def _begin(self) -> Content:
        content = opened(self._open, self._extent.entry, self._extent.start)
        if content.descriptor() is not None:  # it was put aside in a file, which goes out by zero-copy from its first octet
            return content
        with ExitStack() as undone:
            undone.callback(content.close)
            begun = Begun(content, content.read(min(FIRST, self._extent.length)) if self._extent.length else b"")
            undone.pop_all()
        return begun

    def _keep(self, content: Content) -> None:
        with self._lock:
            self._opened = self._clock()
            if not self._discarded:
                self._content = content
                return
        content.close()


class Openings:
    """Octets ``start`` to ``stop`` of a layout: the members among them that are slow to open. Must be closed."""

    def __init__(
        self, layout: Layout, start: int, stop: int, *, open_entry: OpenEntry, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open = open_entry
        self._clock = clock
        self._slow = _slow(layout, start, stop)
        self._next = next(self._slow, None)
        self._begun: list[tuple[int, Opening]] = []  # an empty deque is 600 octets, and each slow reader holds one of these

    def approach(self, position: int) -> None:
        """The sender has come to octet ``position`` of the layout."""
        while self._next is not None and self._next[0] - position <= NEAR and len(self._begun) < MEMBERS:
            if not _free.acquire(blocking=False):
                return
            try:
                opening = Opening(self._open, self._next[1], self._clock)
            except RuntimeError:  # the system has no more threads: it is opened when its turn comes
                _free.release()
                return
            self._begun.append((self._next[0], opening))
            self._next = next(self._slow, None)

    def take(self, position: int) -> Opening | None:
        """The opening of the member whose turn it is at ``position``, if one was begun."""
        while self._next is not None and self._next[0] <= position:
            self._next = next(self._slow, None)
        return self._begun.pop(0)[1] if self._begun and self._begun[0][0] == position else None

    def close(self) -> None:
        while self._begun:
            self._begun.pop(0)[1].discard()


def _slow(layout: Layout, start: int, stop: int) -> Iterator[tuple[int, Extent]]:
    """With where their turns come. A file is opened in no time, or by the verifier's reading; inline XML is at hand."""
    position = start
    for segment in layout.window(start, stop):
        if isinstance(segment, Extent) and segment.length and segment.entry.datastream.remote:
            yield position, segment
        position += segment.length
