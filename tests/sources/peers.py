"""A server of our own, on loopback, that answers as it should or plays a trick on who asks it."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

LOOPBACK = "127.0.0.1"
NAME = "peer.example.org"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """``path`` is decoded; ``headers`` have small letters."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    connection: int


@dataclass(frozen=True, kw_only=True)
class Answer:
    """``ranged``: a range of it may be asked for."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    ranged: bool = False


Trick = Callable[[Asked, Answer, socket.socket], None]
"""Writes whatever it likes; the connection is closed after it."""


class PeerServer:
    """Answers by ``answer``. A ``trick`` comes in its place where ``tricked`` says so. ``asked`` is what it was asked, in order."""

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        self.answer = answer
        self.trick: Trick | None = None
        self.tricked: Callable[[Asked], bool] = lambda _: True
        self.delay: Callable[[Asked], float] = lambda _: 0.0
        self.asked: list[Asked] = []
        self.open_at_once = 0
        self.most_at_once = 0
        self.ended = threading.Event()
        self.tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self._live: set[socket.socket] = set()
        self._count = 0

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._live.add(connection)
                self._count += 1
                number = self._count
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def close(self) -> None:
        self.ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        end = time.monotonic() + 5
        while self._live and time.monotonic() < end:
            time.sleep(0.005)

    def drop(self) -> None:
        """Every connection is lost."""
        with self._lock:
            for connection in self._live:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            with suppress(OSError), self._secured(connection) as secured, secured.makefile("rb") as lines:
                while asked := _read(lines, number):
                    if not self._respond(asked, secured):
                        return
        finally:
            connection.close()
            with self._lock:
                self._live.discard(connection)

    def _secured(self, connection: socket.socket) -> socket.socket:
        return connection if self.tls is None else self.tls.wrap_socket(connection, server_side=True)

    def _respond(self, asked: Asked, connection: socket.socket) -> bool:
        with self._lock:
            self.asked.append(asked)
            self.open_at_once += 1
            self.most_at_once = max(self.most_at_once, self.open_at_once)
        try:
            self.ended.wait(self.delay(asked))
            answer = self.answer(asked)
        finally:
            with self._lock:
                self.open_at_once -= 1
        if self.trick is not None and self.tricked(asked):
            self.trick(asked, answer, connection)
            return False
        given = ranged(answer, asked)
        connection.sendall(head(answer, asked) + (b"" if asked.method == "HEAD" else given.body))
        is_whole = asked.method == "HEAD" or given.headers.get("Content-Length", str(len(given.body))) == str(len(given.body))
        return is_whole and asked.headers.get("connection") != "close"


def _read(lines: object, number: int) -> Asked | None:
    readline = lines.readline  # type: ignore[attr-defined] # a socket's file
    words = readline().decode("latin-1").split()
    if len(words) != 3:
        return None
    headers = {}
    while (line := readline().decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    parts = urlsplit(words[1])
    return Asked(method=words[0], path=unquote(parts.path), query=dict(parse_qsl(parts.query)), headers=headers, connection=number)


def ranged(answer: Answer, asked: Asked) -> Answer:
    """What is answered to a range, where ranges are known."""
    wanted = asked.headers.get("range", "")
    if not (answer.ranged and answer.status == 200 and wanted.startswith("bytes=") and wanted.endswith("-")):
        return answer
    start, size = int(wanted[6:-1]), len(answer.body)
    if start >= size:
        return Answer(status=416, headers={**answer.headers, "Content-Range": f"bytes */{size}"})
    told = {**answer.headers, "Content-Range": f"bytes {start}-{size - 1}/{size}"}
    return Answer(status=206, body=answer.body[start:], headers=told)


def head(answer: Answer, asked: Asked) -> bytes:
    given = ranged(answer, asked)
    headers = {"Content-Length": str(len(given.body)), **given.headers}
    lines = [f"HTTP/1.1 {given.status} Any", *(f"{name}: {value}" for name, value in headers.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@contextmanager
def running(server: PeerServer) -> Iterator[PeerServer]:
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(5)
