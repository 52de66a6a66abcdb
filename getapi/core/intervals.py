"""Which octets of something have arrived, when they came in pieces, in any order, and some of them twice."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Intervals:
    """Half-open intervals of octets, in order, none touching the next."""

    spans: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, pieces: Iterable[tuple[int, int]]) -> Self:
        """The union of pieces, each its first octet and the octet after its last; one that holds nothing adds nothing."""
        merged: list[tuple[int, int]] = []
        for start, stop in sorted(pieces):
            if start >= stop:
                continue
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
            else:
                merged.append((start, stop))
        return cls(tuple(merged))

    @property
    def total(self) -> int:
        return sum(stop - start for start, stop in self.spans)

    def covers(self, start: int, stop: int) -> bool:
        """Whether all octets from ``start`` to ``stop`` (not included) are there; none always are."""
        if start >= stop:
            return True
        index = bisect_right(self.spans, start, key=lambda span: span[0]) - 1
        return index >= 0 and self.spans[index][1] >= stop
