"""A package as a file of any length that takes no room: payload is zeros, and the rest as it leaves."""

import io

from getapi.core.layout import Deferred, Extent, Layout, Literal
from getapi.core.stream import Learned, resolve


class SparseFile(io.RawIOBase):
    """What a layout writes where all payload is zeros; ``learned`` as for ``resolve``."""

    def __init__(self, layout: Layout, learned: Learned) -> None:
        super().__init__()
        self._layout, self._learned, self._place = layout, learned, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = offset + {0: 0, 1: self._place, 2: self._layout.length}[whence]
        return self._place

    def read(self, size: int = -1) -> bytes:
        stop = self._layout.length if size < 0 else self._place + size
        pieces = [self._octets(segment) for segment in self._layout.window(self._place, stop)]
        data = b"".join(pieces)
        self._place += len(data)
        return data

    def _octets(self, segment: Literal | Extent | Deferred) -> bytes:
        match segment:
            case Literal(data):
                return data
            case Extent():
                return bytes(segment.length)
            case _:
                assert self._layout.plan is not None
                return resolve(segment, self._layout.plan, self._learned)
