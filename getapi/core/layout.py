"""A package as the ordered list of its segments: the one place from which both its length and its bytes come."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, groupby
from typing import Self

from getapi.core import bag
from getapi.core.errors import MalformedParameter
from getapi.core.plan import Entry, Plan
from getapi.core.segment import Deferred, DeferredKind, Extent, Literal, Segment, clip
from getapi.core.serialization import SERIALIZATIONS

__all__ = ["Deferred", "DeferredKind", "Extent", "Layout", "Literal", "Segment", "lay_out", "lay_out_entry"]


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Layout:
    """``offsets[i]`` is where ``segments[i]`` begins. ``plan`` is None for a single datastream, which holds nothing deferred."""

    plan: Plan | None
    segments: tuple[Segment, ...]
    offsets: tuple[int, ...]

    @classmethod
    def of(cls, segments: Iterable[Segment], *, plan: Plan | None = None) -> Self:
        listed = tuple(segments)
        starts = accumulate((segment.length for segment in listed[:-1]), initial=0) if listed else ()
        return cls(plan=plan, segments=listed, offsets=tuple(starts))

    @property
    def length(self) -> int:
        """Octets in all."""
        return self.offsets[-1] + self.segments[-1].length if self.segments else 0

    def window(self, start: int, stop: int) -> Iterator[Segment]:
        """The segments of octets ``start`` to ``stop`` (not included), the first and the last clipped.

        A segment of no octets belongs to the window that holds its offset, so that windows side by side give each segment once.
        """
        first, last = max(start, 0), min(stop, self.length)
        if first >= last:
            return
        index = bisect_left(self.offsets, first)
        if index == len(self.offsets) or self.offsets[index] > first:
            index -= 1
        for offset, segment in zip(self.offsets[index:], self.segments[index:], strict=True):
            if offset >= last:
                return
            yield clip(segment, first - offset, last - offset)


def lay_out(plan: Plan) -> Layout:
    """The package of a plan. Raises MalformedParameter for a format that is none of ``SERIALIZATIONS``."""
    serialize = SERIALIZATIONS.get(plan.format)
    if serialize is None:
        raise MalformedParameter("format", f"it must be one of {', '.join(SERIALIZATIONS)}")
    return Layout.of(_joined(serialize(bag.members(plan))), plan=plan)


def lay_out_entry(entry: Entry) -> Layout:
    """One datastream's bytes alone."""
    return Layout.of([Extent(entry, 0, entry.size)])


@lru_cache(maxsize=64)
def _zeros(count: int) -> bytes:
    """A TAR ends with up to 11 KB of them: all layouts share theirs."""
    return bytes(count)


def _joined(segments: Iterable[Segment]) -> Iterator[Segment]:
    """The same octets with neighbouring literals as one; a segment that is sent by other means stays, even of no octets."""
    for is_literal, run in groupby(segments, lambda segment: isinstance(segment, Literal)):
        if is_literal:
            data = b"".join(segment.data for segment in run if isinstance(segment, Literal))
            yield Literal(_zeros(len(data)) if not data.strip(b"\0") else data)
        else:
            yield from run
