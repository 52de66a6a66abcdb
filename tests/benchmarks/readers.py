"""Many readers of one server, who take a little each second: all of them in one thread of the benchmark."""

import contextlib
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import urlencode

WINDOW = 4096
"""Octets of each reader's receive buffer, of which the kernel makes the double."""

SIP = 2048
"""Octets that each reader takes a second."""

PATIENCE = 120.0
"""Seconds in which every reader must have its first octets."""


class Readers:
    """``count`` sockets on which ``request`` is sent. ``refused`` were answered otherwise than with 200, by status;
    ``lost`` have ended by now.
    """

    def __init__(self, port: int, request: bytes, count: int) -> None:
        self._port = port
        self._request = request
        self._count = count
        self._sockets: list[socket.socket] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name="readers")
        self._away = set[socket.socket]()
        self.refused = Counter[str]()
        self.lost = 0

    def begin(self, at_once: int = 20) -> None:
        """All ask, a few at a time, and have their first octets when this returns. Raises TimeoutError."""
        end = time.monotonic() + PATIENCE
        while (missing := self._count - len(self._sockets)) > 0:
            self._ask([self._connect() for _ in range(min(at_once, missing))], end)
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        for connection in self._sockets:
            connection.close()

    def _ask(self, connections: Sequence[socket.socket], end: float) -> None:
        for connection in connections:
            connection.sendall(self._request)
            connection.setblocking(False)
        with selectors.DefaultSelector() as selector:
            for connection in connections:
                selector.register(connection, selectors.EVENT_READ)
            while selector.get_map():
                if time.monotonic() > end:
                    raise TimeoutError(f"{len(selector.get_map())} readers got nothing")
                for key, _ in selector.select(1):
                    self._greet(selector.unregister(key.fileobj).fileobj)

    def _greet(self, connection: object) -> None:
        """The first octets of the answer."""
        if isinstance(connection, socket.socket):
            status = connection.recv(64)[9:12].decode("ascii", "replace")
            if status != "200":
                self.refused[status or "nothing"] += 1
                self._away.add(connection)

    def _read(self) -> None:
        while not self._stopping.wait(1.0):
            self.lost = 0
            for connection in self._sockets:
                if connection not in self._away:  # whose connection ends as well
                    self._sip(connection)

    def _sip(self, connection: socket.socket) -> None:
        try:
            is_lost = not connection.recv(SIP)
        except BlockingIOError:
            return
        except ConnectionError:
            is_lost = True
        self.lost += is_lost

    def _connect(self) -> socket.socket:
        connection = socket.socket()
        self._sockets.append(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
        connection.connect(("127.0.0.1", self._port))
        return connection


@contextlib.contextmanager
def reading(port: int, request: bytes, count: int) -> Iterator[Readers]:
    """``count`` slow readers, each with its first octets. Raises TimeoutError."""
    readers = Readers(port, request, count)
    try:
        readers.begin()
        yield readers
    finally:
        readers.close()


def post(path: str, form: dict[str, str]) -> bytes:
    """A request as it goes over the wire."""
    body = urlencode(form).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
