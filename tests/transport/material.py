"""Plans over bytes held in memory or in files, and a receiver at the other end of a real connection."""

import hashlib
import os
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

from getapi.core.errors import ContentChanged, ContentMissing
from getapi.core.layout import Deferred, Extent, Layout, Literal
from getapi.core.plan import Entry, Plan
from getapi.core.source import DatastreamRecord, Digest
from getapi.core.stream import Learned, resolve
from getapi.transport.assurance import Doubt
from getapi.transport.verifier import Verifier


def entry(name: str, octets: bytes, *, known: bool = True, declared: tuple[str, ...] = (), size: int | None = None) -> Entry:
    """An entry for these octets; ``known``: its SHA-256 is in the plan; ``declared``: algorithms that the repository has digests of."""
    return Entry(
        path=f"data/{name}",
        size=len(octets) if size is None else size,
        mtime=0,
        digest=hashlib.sha256(octets).hexdigest() if known else None,
        declared=tuple(Digest(algorithm=algorithm, value=hashlib.new(algorithm, octets).hexdigest()) for algorithm in declared),
        repository="store",
        datastream=DatastreamRecord(pid="test:1", dsid=name, version=f"{name}.0"),
    )


def plan(*entries: Entry) -> Plan:
    return Plan(
        name="bag",
        format="tar",
        algorithm="sha256",
        bagging_date=date(2024, 5, 1),
        entries=entries,
        notices=(),
        bag_info=b"Bagging-Date: 2024-05-01\n",
        notices_text=b"0 notices\n",
    )


def whole(layout: Layout, contents: Mapping[str, bytes]) -> bytes:
    """What a layout must come to, put together without the transport."""
    digests = {path: hashlib.sha256(octets).hexdigest() for path, octets in contents.items()}
    checksums = {path: zlib.crc32(octets) for path, octets in contents.items()}
    parts = []
    for segment in layout.segments:
        match segment:
            case Literal():
                parts.append(segment.data)
            case Extent():
                parts.append(contents[segment.entry.path][segment.start : segment.stop])
            case Deferred():
                assert layout.plan is not None
                parts.append(resolve(segment, layout.plan, Learned(digests=digests, checksums=checksums)))
    return b"".join(parts)


def wait_until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


AMOUNT = 32 << 20  # more than both ends' buffers hold


def fill(connection: socket.socket) -> int:
    """Octets that the kernel takes before it would wait."""
    connection.setblocking(False)
    taken = 0
    try:
        while taken < AMOUNT:
            taken += connection.send(bytes(1 << 16))
    except BlockingIOError:
        return taken
    finally:
        connection.setblocking(True)
    raise AssertionError("the kernel took all")


class Held:
    """Content in memory or, with a path, in a file. ``fail_at``: reading that octet raises this OSError; ``changed``: confirm refuses."""

    def __init__(
        self,
        octets: bytes,
        *,
        path: Path | None = None,
        fail_at: tuple[int, OSError] | None = None,
        changed: Callable[[], bool] = lambda: False,
        start: int = 0,
    ) -> None:
        self.size = len(octets)
        self.closed = False
        self.largest_read = 0
        self.confirmed = 0
        self._octets = octets
        self._position = start
        self._fail_at = fail_at
        self._changed = changed
        self._descriptor = None if path is None else os.open(path, os.O_RDONLY)

    def descriptor(self) -> int | None:
        return self._descriptor

    def read(self, count: int) -> bytes:
        if self._fail_at is not None and self._position + count > self._fail_at[0]:
            raise self._fail_at[1]
        self.largest_read = max(self.largest_read, count)
        octets = self._octets[self._position : self._position + count]
        self._position += len(octets)
        return octets

    def confirm(self) -> None:
        self.confirmed += 1
        if self._changed():
            raise ContentChanged("test:1", "changed")

    def close(self) -> None:
        self.closed = True
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Store:
    """Opens contents by an entry's path, and remembers what it opened."""

    def __init__(self, contents: Mapping[str, Callable[..., Held]]) -> None:
        self._contents = contents
        self.opened: list[Held] = []

    def open(self, entry: Entry, start: int = 0) -> Held:
        if entry.path not in self._contents:
            raise ContentMissing(entry.datastream.pid, entry.datastream.dsid)
        self.opened.append(self._contents[entry.path](start=start))
        return self.opened[-1]


def no_doubt() -> Doubt:
    """Nothing need be verified; what must be learned is read."""
    return Doubt(verifier=Verifier())


def doubt(*entries: Entry) -> Doubt:
    return Doubt(verifier=Verifier(), paths=frozenset(entry.path for entry in entries))


class Receiver:
    """The far end: takes all that comes, in a thread, until the near end shuts down; ``pause`` holds it before its first octet."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.octets = bytearray()
        self.resume = threading.Event()
        self.thread = threading.Thread(target=self._receive)

    def _receive(self) -> None:
        self.resume.wait(30)
        with suppress(OSError):
            while data := self.connection.recv(1 << 20):
                self.octets += data

    def result(self) -> bytes:
        """Everything, once the near end is shut down."""
        self.resume.set()
        self.thread.join(30)
        assert not self.thread.is_alive()
        return bytes(self.octets)


@contextmanager
def connected(*, paused: bool = False) -> Iterator[tuple[socket.socket, Receiver]]:
    """A TCP connection over loopback: the sending socket, and a receiver."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as far:
        near, _ = listener.accept()
        receiver = Receiver(far)
        if not paused:
            receiver.resume.set()
        receiver.thread.start()
        with near:
            try:
                yield near, receiver
            finally:
                with suppress(OSError):
                    near.shutdown(socket.SHUT_RDWR)
                receiver.result()
