"""A body that arrives over HTTP without a length: only its end tells how large it is."""

import hashlib
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from urllib3.exceptions import HTTPError, IncompleteRead, ProtocolError

from getapi.core.errors import ContentChanged, SourceUnavailable
from getapi.core.source import DatastreamRecord
from getapi.sources.remotecontent import Body
from getapi.sources.waiting import waiting

_BLOCK = 256 << 10


class UnsizedContent:
    """One response's octets (core.source.Content), from the first on; there is no descriptor.

    ``again`` opens the same body once more, where an end that comes too early does not show by itself (RFC 9112 6.3: a body that ends
    with the connection): the end is believed when a second reading has the same octets. ``release`` gives the connection back.
    """

    size = None

    def __init__(
        self,
        body: Body,
        datastream: DatastreamRecord,
        *,
        repository: str,
        again: "Callable[[], UnsizedContent] | None",
        release: Callable[[], None],
    ) -> None:
        self._body = body
        self._datastream = datastream
        self._repository = repository
        self._again = again
        self._release = release
        self._hash = hashlib.sha256()
        self.used = time.monotonic()

    @property
    def seen(self) -> bytes:
        """The digest of all that was read so far."""
        return self._hash.digest()

    def descriptor(self) -> int | None:
        return None

    def read(self, count: int) -> bytes:
        """Raises ContentChanged where the body broke off or does not come back the same, SourceUnavailable where it stops coming."""
        if count <= 0:
            return b""
        self.used = time.monotonic()
        try:
            with waiting(self._repository):
                octets = self._body.read(count, decode_content=False)
        except (ProtocolError, IncompleteRead) as error:
            raise self._changed() from error
        except (HTTPError, OSError) as error:
            raise SourceUnavailable(self._repository) from error
        self._hash.update(octets)
        if not octets and self._again is not None:
            self._compare(self._again)
        return octets

    def _compare(self, again: "Callable[[], UnsizedContent]") -> None:
        self._again = None
        self.close()  # its end was reached: the second reading may be given its place
        with again() as other:
            while other.read(_BLOCK):
                pass
            if other.seen != self.seen:
                raise self._changed()

    def _changed(self) -> ContentChanged:
        return ContentChanged(self._datastream.pid, self._datastream.dsid)

    def confirm(self) -> None:
        """Its end was looked at when it was reached; a server is not asked again."""

    def park(self) -> bool:
        """Without a length it cannot be taken up again in its middle (sources.gate.Holder)."""
        return False

    def close(self) -> None:
        release, self._release = self._release, _nothing
        release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _nothing() -> None:
    """What is closed is not closed again."""
