"""What arrived of something that was sent in pieces, also where whoever sent a piece did not live to write it down (SPEC 7)."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from getapi.core.intervals import Intervals


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One response: from octet ``first`` on ``sent`` octets were acknowledged, as far as it is known.

    What lies before ``reach`` may have arrived as well, unknown to the sender: what the kernel had taken of a response that broke off, all
    of one whose process died, nothing of one that still runs. A response that ``began`` later than ``after`` can show it.
    """

    first: int
    sent: int
    reach: int
    began: datetime
    after: datetime

    @property
    def end(self) -> int:
        return self.first + self.sent


def shown(pieces: Sequence[Piece]) -> list[int]:
    """What was ``sent`` of each piece, given what the others show.

    Whoever goes on at octet X has what lies before it: a piece that may reach X did. Of several such X the first is believed, since a
    reader with several connections begins elsewhere too.
    """
    begun = sorted((piece.first, piece.began) for piece in pieces)
    firsts = [first for first, _ in begun]
    return [_shown(piece, begun, firsts) for piece in pieces]


def _shown(piece: Piece, begun: Sequence[tuple[int, datetime]], firsts: Sequence[int]) -> int:
    for first, began in begun[bisect_right(firsts, piece.end) : bisect_right(firsts, piece.reach)]:
        if began > piece.after:
            return first - piece.first
    return piece.sent


def arrived(pieces: Sequence[Piece]) -> Intervals:
    """The octets that were acknowledged, by whatever pieces together."""
    return Intervals.of((piece.first, piece.end) for piece in pieces)
