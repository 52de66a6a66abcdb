"""Content of which the first octets were read before anybody asked for them."""

from types import TracebackType
from typing import Self

from getapi.core.source import Content


class Begun:
    """``first``, and then what ``content`` goes on with (core.source.Content)."""

    def __init__(self, content: Content, first: bytes) -> None:
        self.size = content.size
        self._content = content
        self._first = first

    def descriptor(self) -> int | None:
        return self._content.descriptor()

    def read(self, count: int) -> bytes:
        if not self._first:
            return self._content.read(count)
        octets, self._first = self._first[:count], self._first[count:]
        return octets

    def confirm(self) -> None:
        self._content.confirm()

    def close(self) -> None:
        self._content.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
