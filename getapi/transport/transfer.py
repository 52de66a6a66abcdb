"""One running response: what its own thread writes down, and the watcher reads and may end."""

import contextlib
import errno
import socket
import threading
import time
from collections.abc import Callable

from getapi.core.errors import PackagingError
from getapi.core.plan import Entry
from getapi.transport.connection import acknowledged_ever, is_left, is_reset, shut_down, unacknowledged


class Transfer:
    """``total`` octets to send over ``connection``, which is None where only the server may write to the socket. ``wire`` is that socket
    then, which is watched and cut alike; None where it is not known.

    ``handed`` counts what the kernel, or the server, took. Times are of ``clock``, in seconds. After ``release`` the connection may
    already carry the next response: from then on it is neither asked nor cut.
    """

    def __init__(
        self,
        connection: socket.socket | None,
        *,
        total: int,
        wire: socket.socket | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection = connection
        self._wire = connection or wire
        self.total = total
        self.handed = 0
        self.started = clock()
        self.entry: Entry | None = None
        self.entered = self.started
        self.error: PackagingError | None = None
        self._clock = clock
        self._unacknowledged = 0
        self._read = 0
        self._mark = (0, 0, 0, 0)
        self._moved = self.started
        self._lock = threading.Lock()

    def hand(self, count: int) -> None:
        """``count`` octets were taken."""
        self.handed += count

    def watch(self, read: int) -> None:
        """For a sender that waits for what is read: as long as ``read`` changes it is not the receiver who is slow."""
        self._read = read

    def enter(self, entry: Entry) -> None:
        """From now on the octets are this entry's."""
        self.entry, self.entered = entry, self._clock()

    def leave(self) -> None:
        self.entry = None

    @property
    def acknowledged(self) -> int:
        """Octets that the other end has for certain: handed over less what waits in the socket; without a socket all."""
        with self._lock:
            self._observe()
            return max(self.handed - self._unacknowledged, 0)

    @property
    def progress(self) -> int:
        """For how fast it goes: octets that the other end acknowledged, those of headers and earlier answers too.

        Unlike ``acknowledged`` it moves while one long write goes on. Without a socket it is ``handed``.
        """
        with self._lock:
            self._observe()
            ever = 0 if self._wire is None else acknowledged_ever(self._wire)
            return ever or self.handed

    @property
    def is_settled(self) -> bool:
        """Nothing waits in the socket, or what waits there will never arrive."""
        with self._lock:
            self._observe()
            return self._unacknowledged == 0 or (self._wire is not None and is_reset(self._wire))

    def idle(self, now: float) -> float:
        """Seconds for which nothing has been acknowledged, as far as calls of this could see."""
        with self._lock:
            self._observe()
            ever = 0 if self._wire is None else acknowledged_ever(self._wire)
            mark = (self.handed, self._read, self._unacknowledged, ever)
            if mark != self._mark:
                self._mark, self._moved = mark, now
            return now - self._moved

    def cut(self, error: PackagingError) -> None:
        """Ends the response short of its length; the first error stays. A thread inside ``sendfile`` wakes at once with EPIPE."""
        with self._lock:
            if self.error is None:
                self.error = error
            if self._wire is not None:
                with contextlib.suppress(OSError):  # the other end was quicker
                    shut_down(self._wire)

    def look(self) -> None:
        """For a sender that waits: raises what ``check`` does, and BrokenPipeError when the receiver has gone.

        Nobody else would notice: nothing is written meanwhile. A receiver that has only shut down its own side counts as gone.
        """
        self.check()
        if self._wire is not None and is_left(self._wire):
            raise BrokenPipeError(errno.EPIPE, "the receiver has gone")

    def check(self) -> None:
        """Raises the error that the response was cut with, if it was."""
        if self.error is not None:
            raise self.error

    def release(self) -> None:
        """Lets go of the connection; ``acknowledged`` stays what it was then."""
        with self._lock:
            self._observe()
            self.connection = self._wire = None

    def _observe(self) -> None:
        if self._wire is not None and self._wire.fileno() < 0:  # the server has closed it, and this answer was thrown away
            self._wire = None
        if self._wire is not None:
            self._unacknowledged = unacknowledged(self._wire)
