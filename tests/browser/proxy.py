"""A TCP proxy that misbehaves: slow, and cutting connections in their middle."""

import socket
import threading
import time
from contextlib import suppress

BLOCK = 1 << 14


class Proxy:
    """Forwards from a port of its own to ``port``.

    On each connection ``cut_after`` octets of answers pass, ``rate`` octets a second; None: all.
    Once one was cut ``cut_then``, if it is given, counts for those to come.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.cut_after: int | None = None
        self.cut_then: int | None = None
        self.rate: float | None = None
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                _end(connection)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                reader, _ = self._listener.accept()
                service = socket.create_connection(("127.0.0.1", self._target), timeout=60)
            except OSError:
                return
            with self._lock:
                self._open |= {reader, service}
            pair = [threading.Thread(target=self._carry, args=each) for each in ((reader, service, False), (service, reader, True))]
            self._threads += pair
            for thread in pair:
                thread.start()

    def _carry(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        passed = 0
        with suppress(OSError):
            while octets := source.recv(BLOCK):
                if is_answer and self.cut_after is not None and passed + len(octets) > self.cut_after:
                    sink.sendall(octets[: self.cut_after - passed])
                    self.cuts += 1
                    self.cut_after = self.cut_after if self.cut_then is None else self.cut_then
                    break
                sink.sendall(octets)
                passed += len(octets)
                if is_answer and self.rate is not None:
                    time.sleep(len(octets) / self.rate)
        _end(source)
        _end(sink)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
