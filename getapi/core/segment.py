"""The pieces that a package's bytes are made of, in the order in which they leave."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from getapi.core.plan import Entry


class DeferredKind(StrEnum):
    """What has a known length at once, and bytes that wait for the payload's digests, or for CRC-32s."""

    MANIFEST = "manifest"
    TAGMANIFEST = "tagmanifest"
    LOCAL_HEADER = "local header"
    CENTRAL_DIRECTORY = "central directory"


@dataclass(frozen=True, slots=True)
class Literal:
    """Octets known at planning: headers, padding, tag files."""

    data: bytes

    @property
    def length(self) -> int:
        return len(self.data)


@dataclass(frozen=True, slots=True)
class Extent:
    """Octets ``start`` to ``stop`` (not included) of an entry's datastream. A datastream of no octets has an extent of none."""

    entry: Entry
    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Gap:
    """Where in a form the CRC-32 of a whole body belongs: four octets from ``position`` on, little-endian."""

    position: int
    body: "Extent | Deferred"


@dataclass(frozen=True, slots=True)
class Deferred:
    """Octets ``start`` to ``stop`` (not included) of a manifest or of a form, to be had from ``stream.resolve`` once its facts are known.

    A form (a ZIP's local header, its central directory) is ``blank`` but for its ``gaps``, which are in order; manifests have neither.
    """

    kind: DeferredKind
    start: int
    stop: int
    blank: bytes = b""
    gaps: tuple[Gap, ...] = ()

    @classmethod
    def form(cls, kind: DeferredKind, blank: bytes, gaps: tuple[Gap, ...]) -> Self:
        return cls(kind, 0, len(blank), blank, gaps)

    @property
    def length(self) -> int:
        return self.stop - self.start


Segment = Literal | Extent | Deferred


def clip(segment: Segment, start: int, stop: int) -> Segment:
    """The octets of a segment from ``start`` to ``stop``, both counted from the segment's own first; what lies outside is left off."""
    first, last = max(start, 0), min(stop, segment.length)
    if (first, last) == (0, segment.length):
        return segment
    if isinstance(segment, Literal):
        return Literal(segment.data[first:last])
    return replace(segment, start=segment.start + first, stop=segment.start + last)
