"""Content of which the first octets were read before anybody asked for them."""

from getapi.core.source import Content
from getapi.sources.wrapped import WrappedContent


class Begun(WrappedContent):
    """``first``, and then what ``content`` goes on with."""

    def __init__(self, content: Content, first: bytes) -> None:
        super().__init__(content)
        self._first = first

    def read(self, count: int) -> bytes:
        if not self._first:
            return super().read(count)
        octets, self._first = self._first[:count], self._first[count:]
        return octets
