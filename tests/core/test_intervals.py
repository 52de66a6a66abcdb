from hypothesis import given
from hypothesis import strategies as st

from getapi.core.intervals import Intervals

PIECES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


@given(PIECES, st.integers(0, 60), st.integers(0, 60))
def test_a_union_of_pieces_is_that_of_their_octets(pieces: list[tuple[int, int]], start: int, stop: int) -> None:
    octets = {octet for first, end in pieces for octet in range(first, end)}
    union = Intervals.of(pieces)
    assert union.total == len(octets)
    assert union.covers(start, stop) is octets.issuperset(range(start, stop))
    assert union == Intervals.of(reversed(pieces))
    assert all(before[1] < after[0] for before, after in zip(union.spans, union.spans[1:], strict=False))
