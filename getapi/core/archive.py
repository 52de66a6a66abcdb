"""What the strict readers of archives have in common: octets from a stream, members, and reasons to refuse them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

CHUNK = 2**18

_DRIVE = re.compile(r"[A-Za-z]:")
_LONGEST = 2**62
"""Octets: what claims to be longer is no file's part, and no file can be asked to go there."""


class BinaryReader(Protocol):
    def read(self, count: int, /) -> bytes:
        """At most ``count`` octets, none at the end."""


class ArchiveRefused(Exception):
    """The stream is no archive that every reader would understand alike; ``code`` is a stable word, ``path`` the member's, if any."""

    def __init__(self, sentence: str, *, code: str, path: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.path = path


class MemberDamaged(ArchiveRefused):
    """A member's octets are not those that its own header speaks of; what comes after them can be read all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMember:
    """A file or directory. ``path`` is relative, without a closing slash; ``size`` in octets, None where only the member's end tells.

    ``ambiguous``: some programs would read the path as other letters.
    """

    path: str
    directory: bool
    size: int | None
    ambiguous: bool = False


class ArchiveReader(Protocol):
    """Reads an archive once, from its first octet to its last."""

    @property
    def position(self) -> int:
        """Octets of the stream so far."""

    def __iter__(self) -> Iterator[ArchiveMember]:
        """Raises ArchiveRefused at the first octet that is not as it should be; OSError as the stream does."""

    def content(self) -> Iterator[bytes]:
        """The octets of the member that was given last, in pieces, once. Raises as ``__iter__``, and MemberDamaged after the last piece."""


class Octets:
    """A stream that is read by exact counts. ``skip`` (octets forward), where given, passes over what nobody reads."""

    def __init__(self, stream: BinaryReader, *, skip: Callable[[int], object] | None = None) -> None:
        self._stream = stream
        self._skip = skip
        self._returned = b""
        self.position = 0

    @property
    def can_skip(self) -> bool:
        return self._skip is not None

    def read(self, most: int) -> bytes:
        """At least one octet and at most ``most``. Raises ArchiveRefused (``truncated``) at the end, OSError as the stream does."""
        piece = self._next(most)
        if not piece:
            raise ArchiveRefused(f"The archive ends at octet {self.position}, in the middle", code="truncated")
        return piece

    def take(self, count: int) -> bytes:
        """Exactly so many; raises as ``read``."""
        pieces = []
        while count:
            pieces.append(self.read(count))
            count -= len(pieces[-1])
        return b"".join(pieces)

    def rest(self) -> Iterator[bytes]:
        """All until the end, in pieces."""
        while piece := self._next(CHUNK):
            yield piece

    def pass_over(self, count: int) -> None:
        """Leaves so many unread; raises as ``read`` where they must be read for that."""
        if count > _LONGEST:
            raise ArchiveRefused(f"The archive ends at octet {self.position}, in the middle", code="truncated")
        if self._skip is not None and not self._returned:
            self._skip(count)
            self.position += count
            return
        while count:
            count -= len(self.read(min(count, CHUNK)))

    def give_back(self, octets: bytes) -> None:
        """Octets that were read last, and shall be read again."""
        self._returned = octets + self._returned
        self.position -= len(octets)

    def _next(self, most: int) -> bytes:
        if self._returned:
            piece, self._returned = self._returned[:most], self._returned[most:]
        else:
            piece = self._stream.read(most)
        self.position += len(piece)
        return piece


def is_safe(path: str) -> bool:
    """Whether a path stays below where it is unpacked, on every system, and has one spelling (RFC 8493 5)."""
    segments = path.replace("\\", "/").split("/")
    return not (_DRIVE.match(path) or path.startswith("~") or "\0" in path or {"", ".", ".."}.intersection(segments))
