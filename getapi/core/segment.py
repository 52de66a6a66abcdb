"""The pieces that a package's bytes are made of, in the order in which they leave."""

from dataclasses import dataclass, replace
from enum import StrEnum

from getapi.core.plan import Entry


class DeferredKind(StrEnum):
    """Tag files whose length is known at once and whose bytes wait for the payload's digests."""

    MANIFEST = "manifest"
    TAGMANIFEST = "tagmanifest"


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
class Deferred:
    """Octets ``start`` to ``stop`` (not included) of a manifest, to be had from ``stream.resolve`` once the digests are known."""

    kind: DeferredKind
    start: int
    stop: int

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
