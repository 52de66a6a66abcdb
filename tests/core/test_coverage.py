from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from getapi.core.coverage import Piece, arrived, shown

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def piece(first: int, sent: int, reach: int, began: int, after: int | None = None) -> Piece:
    moment = NOON + timedelta(seconds=began)
    return Piece(first=first, sent=sent, reach=reach, began=moment, after=moment if after is None else NOON + timedelta(seconds=after))


def test_whoever_goes_on_in_the_middle_shows_that_it_has_what_lies_before() -> None:
    broken = piece(0, 40, 60, 0)
    assert shown([broken, piece(50, 5, 55, 1)]) == [50, 5]
    assert shown([broken, piece(60, 5, 65, 1)]) == [60, 5]


def test_what_lies_within_the_acknowledged_or_beyond_the_reach_shows_nothing() -> None:
    broken = piece(0, 40, 60, 0)
    for first in (0, 39, 40, 61):
        assert shown([broken, piece(first, 1, first + 1, 1)])[0] == 40


def test_what_began_before_shows_nothing() -> None:
    assert shown([piece(0, 40, 60, 5), piece(50, 1, 51, 5)])[0] == 40
    assert shown([piece(0, 40, 100, 5, after=9), piece(50, 1, 51, 8)])[0] == 40
    assert shown([piece(0, 40, 100, 5, after=7), piece(50, 1, 51, 8)])[0] == 50


def test_of_several_that_go_on_the_first_is_believed() -> None:
    assert shown([piece(0, 40, 100, 0), piece(90, 1, 91, 1), piece(50, 1, 51, 1)])[0] == 50


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20), st.integers(0, 30), st.integers(0, 9)), max_size=8),
)
def test_nothing_is_shown_that_nobody_could_have(facts: list[tuple[int, int, int, int]]) -> None:
    pieces = [piece(first, sent, first + sent + more, began) for first, sent, more, began in facts]
    for each, sent in zip(pieces, shown(pieces), strict=True):
        assert each.sent <= sent <= each.reach - each.first
        assert sent == each.sent or each.first + sent in {other.first for other in pieces}
    assert arrived(pieces).total == len({octet for each in pieces for octet in range(each.first, each.end)})


@given(st.integers(1, 200), st.data())
def test_a_reader_that_resumes_until_it_has_all_has_arrived_whatever_was_recorded(size: int, data: st.DataObject) -> None:
    """Each response reaches the reader further than its sender knew, then breaks; the next one begins where the reader is."""
    position, pieces = 0, list[Piece]()
    while position < size:
        got = data.draw(st.integers(1, size - position))
        known = got if position + got == size else data.draw(st.integers(0, got))
        pieces.append(piece(position, known, data.draw(st.integers(position + got, size)), len(pieces)))
        position += got
    sents = shown(pieces)
    whole = arrived([Piece(first=each.first, sent=sent, reach=each.reach, began=each.began, after=each.after)
                     for each, sent in zip(pieces, sents, strict=True)])  # fmt: skip
    assert whole.covers(0, size)
