"""Content that something is done to on its way."""

from types import TracebackType
from typing import Self

from getapi.core.source import Content


class WrappedContent:
    """All that ``content`` gives, as it gives it (core.source.Content)."""

    def __init__(self, content: Content) -> None:
        self._content = content

    @property
    def size(self) -> int | None:
        return self._content.size

    def descriptor(self) -> int | None:
        return self._content.descriptor()

    def read(self, count: int) -> bytes:
        return self._content.read(count)

    def confirm(self) -> None:
        self._content.confirm()

    def close(self) -> None:
        self._content.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
