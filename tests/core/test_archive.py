"""What all readers of archives have in common."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.archive import CHUNK, ArchiveRefused, Octets, is_safe
from tests.core.archives import Pieces

SMALL = bytes(range(200))


@given(st.text())
def test_no_text_makes_the_test_of_paths_fail(path: str) -> None:
    if is_safe(path):
        assert path
        assert not path.startswith("/")
        assert ".." not in path.split("/")


def test_octets_come_by_exact_counts_however_the_stream_gives_them() -> None:
    octets = Octets(Pieces(SMALL, most=7))
    assert octets.take(0) == b""
    assert octets.take(20) == SMALL[:20]
    assert octets.read(100) == SMALL[20:27]
    octets.pass_over(73)
    assert octets.position == 100
    assert b"".join(octets.rest()) == SMALL[100:]
    assert octets.position == 200


@pytest.mark.parametrize("ask", [lambda octets: octets.take(201), lambda octets: octets.pass_over(201)])
def test_a_stream_that_ends_too_soon_is_truncated(ask: object) -> None:
    octets = Octets(Pieces(SMALL))
    with pytest.raises(ArchiveRefused, match="octet 200") as caught:
        ask(octets)  # type: ignore[operator] # one of the two above
    assert caught.value.code == "truncated"
    with pytest.raises(ArchiveRefused):
        octets.read(1)


def test_what_was_given_back_is_read_again_and_before_the_stream() -> None:
    octets = Octets(Pieces(SMALL, most=50))
    octets.give_back(octets.take(40)[10:])
    assert octets.position == 10
    octets.give_back(octets.take(1))
    assert octets.take(60) == SMALL[10:70]
    assert octets.position == 70


def test_what_nobody_reads_is_skipped_unless_it_was_read_already() -> None:
    skipped: list[int] = []
    stream = io.BytesIO(SMALL)

    def skip(count: int) -> None:
        skipped.append(count)
        stream.seek(count, 1)

    octets = Octets(stream, skip=skip)
    assert octets.can_skip
    octets.pass_over(50)
    octets.give_back(octets.take(20))
    octets.pass_over(30)
    assert skipped == [50]
    assert octets.position == 80
    assert octets.take(1) == SMALL[80:81]


def test_much_is_passed_over_without_being_held() -> None:
    class Zeros:
        largest = 0

        def read(self, count: int, /) -> bytes:
            self.largest = max(self.largest, count)
            return bytes(count)

    zeros = Zeros()
    octets = Octets(zeros)
    octets.pass_over(5 * CHUNK + 1)
    assert not octets.can_skip
    assert (octets.position, zeros.largest) == (5 * CHUNK + 1, CHUNK)


def test_what_claims_more_than_any_file_holds_is_cut_off_before_anybody_seeks_there() -> None:
    skipped: list[int] = []
    octets = Octets(io.BytesIO(SMALL), skip=skipped.append)
    with pytest.raises(ArchiveRefused, match="in the middle"):
        octets.pass_over(2**63)
    assert not skipped
