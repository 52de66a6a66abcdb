"""How fast something goes now: what callers are told, and by what is guessed when it ends."""

import math

MEMORY = 3.0
"""Seconds after which what was before counts for about a third."""

SHORTEST = 0.2
"""Seconds between two looks at least: of less than that the rate is noise."""


class Pace:
    """``rate`` in octets a second, weighted towards the last few seconds; None until it was looked at for SHORTEST."""

    __slots__ = ("_octets", "_seen", "rate")

    def __init__(self, octets: int, now: float) -> None:
        self.rate: float | None = None
        self._seen = now
        self._octets = octets

    def observe(self, octets: int, now: float) -> None:
        """``octets``, as they were counted from the beginning, until ``now``, in seconds of a clock that never goes back."""
        seconds = now - self._seen
        if seconds < SHORTEST:
            return
        latest = max(octets - self._octets, 0) / seconds
        share = math.exp(-seconds / MEMORY)
        self.rate = latest if self.rate is None else share * self.rate + (1 - share) * latest
        self._seen, self._octets = now, octets
