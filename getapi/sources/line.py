"""Deadlines that hold whatever a peer sends: a socket's own time-out begins anew with every octet that drips in."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse

ROUND = 0.2
"""Seconds between two looks at all lines: how late a deadline may be noticed."""


class Line:
    """One exchange's connection, which is cut when what is waited for on it is overdue. Must be closed.

    It holds a descriptor of its own: whatever becomes of the connection's, no other socket is ever cut in its place.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._due: float | None = None
        self.overdue = False

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """What is waited for inside has come by then, or the connection is cut and the waiting fails."""
        self._due = time.monotonic() + seconds
        try:
            yield
        finally:
            self._due = None

    @contextmanager
    def opening(self, seconds: float) -> Iterator[None]:
        """As ``within``, for a connection that is chosen or made inside, by this thread."""
        _lines.watch(self)
        _own.line = self
        try:
            with self.within(seconds):
                yield
        finally:
            _own.line = None

    def take(self, connection: socket.socket) -> None:
        """The connection that is used, before anything is waited for on it."""
        handle = socket.socket(fileno=os.dup(connection.fileno()))
        with self._lock:
            former, self._socket = self._socket, handle
        if former is not None:
            former.close()
        self.look(time.monotonic())

    def look(self, now: float) -> None:
        due = self._due
        if due is None or now < due:
            return
        with self._lock:
            self.overdue = True
            if self._socket is not None:
                with suppress(OSError):  # the peer was faster
                    self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        _lines.forget(self)
        with self._lock:
            handle, self._socket = self._socket, None
        if handle is not None:
            handle.close()


class _Lines:
    """All lines of this process, looked at by one thread for as long as there are any."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._live: set[Line] = set()
        self._runs = False

    def watch(self, line: Line) -> None:
        with self._lock:
            self._live.add(line)
            starts, self._runs = not self._runs, True
        if starts:
            threading.Thread(target=self._run, name="lines", daemon=True).start()

    def forget(self, line: Line) -> None:
        with self._lock:
            self._live.discard(line)

    def _run(self) -> None:
        while True:
            time.sleep(ROUND)
            with self._lock:
                live = tuple(self._live)
                if not live:
                    self._runs = False
                    return
            now = time.monotonic()
            for line in live:
                line.look(now)


class _Own(threading.local):
    """The line that this thread is opening, if it is."""

    line: Line | None = None


_own = _Own()
_lines = _Lines()
os.register_at_fork(after_in_child=_lines.reset)


def _take(connection: Any) -> None:
    if _own.line is not None and connection is not None:
        _own.line.take(connection)


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        _take(made)
        return made

    def getresponse(self) -> BaseHTTPResponse:  # type: ignore[override] # urllib3's own class says the same
        _take(self.sock)  # it may be one that was kept from another exchange
        return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        _take(made)  # the handshake has the same deadline
        return made

    def getresponse(self) -> BaseHTTPResponse:  # type: ignore[override] # urllib3's own class says the same
        _take(self.sock)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def pool_classes() -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools, by scheme, whose connections can be cut by the line of the thread that opens them."""
    return {"http": _Pool, "https": _SecurePool}
