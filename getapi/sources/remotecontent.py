"""A body that arrives over HTTP, held to the length that was announced."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from urllib3.exceptions import HTTPError, IncompleteRead, ProtocolError

from getapi.core.errors import ContentChanged, SourceUnavailable
from getapi.core.source import DatastreamRecord
from getapi.sources.line import Line
from getapi.sources.waiting import waiting

_BLOCK = 256 << 10

RESUMES = 3
"""How often one content goes on after its connection broke off."""


class Body(Protocol):
    """What urllib3's responses offer."""

    def read(self, amt: int | None = None, decode_content: bool | None = None) -> bytes: ...  # noqa: FBT001 # urllib3's signature


class TimedBody:
    """A body each block of which must come within ``silence`` seconds, however it drips: TimeoutError."""

    def __init__(self, body: Body, line: Line, silence: float) -> None:
        self._body = body
        self._line = line
        self._silence = silence

    def read(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:  # noqa: FBT001 # urllib3's signature
        try:
            with self._line.within(self._silence):
                octets = self._body.read(amt, decode_content=decode_content)
        except (HTTPError, OSError):
            if self._line.overdue:
                raise TimeoutError from None
            raise
        except ValueError as error:  # the standard library's of a chunk that is shorter than nothing
            raise ProtocolError(str(error)) from None
        if self._line.overdue:
            raise TimeoutError
        return octets


class RemoteContent:
    """One datastream's octets from a server (core.source.Content); there is no descriptor. ``release`` gives the connection back.

    ``resume`` opens the same datastream, and no other bytes, from an octet on: where it is given, a connection that breaks off is no end.
    ``blame`` is called where the body is not as long as announced. ``mark`` is what the server says of its version.
    """

    def __init__(
        self,
        body: Body,
        datastream: DatastreamRecord,
        *,
        repository: str,
        size: int,
        start: int,
        skip: int,
        release: Callable[[], None],
        resume: "Callable[[int], RemoteContent] | None" = None,
        blame: Callable[[], None] = lambda: None,
        mark: str = "",
    ) -> None:
        self.size = size
        self.mark = mark
        self._body = body
        self._datastream = datastream
        self._repository = repository
        self._left = max(size - start, 0)
        self._skip = min(skip, size)
        self._release = release
        self._resume = resume
        self._resumed = 0
        self._lock = threading.Lock()
        self._parked = self._closed = False
        self.used = time.monotonic()
        self._blame = blame
        self._gathered: bytes | None = None

    def descriptor(self) -> int | None:
        return None

    def gather(self, most: int) -> None:
        """Where no more than ``most`` octets are left they are read now, and the connection is given back. Raises as ``read`` does."""
        if self._left + self._skip > most:
            return
        pieces = list(iter(lambda: self.read(_BLOCK), b""))
        self._release()
        self._gathered = b"".join(pieces)

    def read(self, count: int) -> bytes:
        """Raises ContentChanged where the body is shorter or longer than announced, SourceUnavailable where it stops coming."""
        with self._lock:
            try:
                return self._read(count)
            finally:
                self.used = time.monotonic()

    def park(self) -> bool:
        """Gives its connection back, if it can go on later and is not being read now (sources.gate)."""
        if self._resume is None or self._gathered is not None or not self._lock.acquire(blocking=False):
            return False
        try:
            if self._closed or self._parked or self._skip or not self._left:
                return False
            self._parked = True
            self._release()
            return True
        finally:
            self._lock.release()

    def _read(self, count: int) -> bytes:
        if self._gathered is not None:
            octets, self._gathered = self._gathered[: max(count, 0)], self._gathered[max(count, 0) :]
            return octets
        if self._parked and self._resume is not None:
            self._parked = False
            self._take_over(self._resume)
        while self._skip:
            self._skip -= len(self._receive(min(self._skip, _BLOCK)))
        if count <= 0:
            return b""
        if not self._left:
            if self._take(1):
                self._blame()
                raise self._changed()
            return b""
        octets = self._receive(min(count, self._left))
        self._left -= len(octets)
        return octets

    def _receive(self, count: int) -> bytes:
        """At least one octet."""
        while True:
            try:
                octets = self._take(count)
                if octets:
                    return octets
                raise self._changed()
            except ContentChanged as error:
                if self._resume is None or self._skip or self._resumed >= RESUMES:
                    self._blame()
                    raise
                self._go_on(self._resume, error)

    def _go_on(self, resume: "Callable[[int], RemoteContent]", error: ContentChanged) -> None:
        """From the octet at which it broke off, on another connection."""
        self._resumed += 1
        self._release()
        try:
            self._take_over(resume)
        except SourceUnavailable:
            raise error from None

    def _take_over(self, resume: "Callable[[int], RemoteContent]") -> None:
        other = resume(self.size - self._left)
        self._body, self._release, self._skip = other._body, other._release, other._skip  # noqa: SLF001 # one of its own kind
        while self._skip:
            self._skip -= len(self._receive(min(self._skip, _BLOCK)))

    def _take(self, count: int) -> bytes:
        try:
            with waiting(self._repository):
                return self._body.read(count, decode_content=False)
        except (ProtocolError, IncompleteRead) as error:
            raise self._changed() from error
        except (HTTPError, OSError) as error:
            raise SourceUnavailable(self._repository) from error

    def _changed(self) -> ContentChanged:
        return ContentChanged(self._datastream.pid, self._datastream.dsid)

    def confirm(self) -> None:
        """What was announced is compared while it is read; a server is not asked again."""

    def close(self) -> None:
        self._closed = True
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
