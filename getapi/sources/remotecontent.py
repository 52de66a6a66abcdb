"""A body that arrives over HTTP, held to the length that was announced."""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from urllib3.exceptions import HTTPError, IncompleteRead, ProtocolError

from getapi.core.errors import ContentChanged, SourceUnavailable
from getapi.core.source import DatastreamRecord

_BLOCK = 256 << 10


class Body(Protocol):
    """What urllib3's responses offer."""

    def read(self, amt: int | None = None, decode_content: bool | None = None) -> bytes: ...  # noqa: FBT001 # urllib3's signature


class RemoteContent:
    """One response's octets (core.source.Content); there is no descriptor. ``release`` gives the connection back."""

    def __init__(
        self, body: Body, datastream: DatastreamRecord, *, repository: str, size: int, start: int, skip: int, release: Callable[[], None]
    ) -> None:
        self.size = size
        self._body = body
        self._datastream = datastream
        self._repository = repository
        self._left = max(size - start, 0)
        self._skip = min(skip, size)
        self._release = release

    def descriptor(self) -> int | None:
        return None

    def read(self, count: int) -> bytes:
        """Raises ContentChanged where the body is shorter or longer than announced, SourceUnavailable where it stops coming."""
        while self._skip:
            self._skip -= len(self._receive(min(self._skip, _BLOCK)))
        if count <= 0:
            return b""
        if not self._left:
            if self._take(1):
                raise self._changed()
            return b""
        octets = self._receive(min(count, self._left))
        self._left -= len(octets)
        return octets

    def _receive(self, count: int) -> bytes:
        octets = self._take(count)
        if not octets:
            raise self._changed()
        return octets

    def _take(self, count: int) -> bytes:
        try:
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
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
