"""Clipping."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.segment import Deferred, DeferredKind, Extent, Gap, Literal, Segment, clip
from tests.core.packages import entry_of

CUTS = st.integers(-20, 40)


EXTENT = Extent(entry_of("data/x", 30), 10, 20)
FORM = Deferred.form(DeferredKind.LOCAL_HEADER, bytes(10), (Gap(3, EXTENT),))


@pytest.mark.parametrize("whole", [Literal(b"0123456789"), EXTENT, Deferred(DeferredKind.MANIFEST, 3, 13), FORM])
def test_clipping_to_the_whole_or_beyond_changes_nothing(whole: Segment) -> None:
    assert clip(whole, 0, 10) is whole
    assert clip(whole, -5, 99) is whole


@given(CUTS, CUTS)
def test_all_kinds_are_clipped_alike(start: int, stop: int) -> None:
    numbers = bytes(range(30))
    first, last = max(start, 0), min(stop, 10)
    if first > last:
        return
    extent = clip(Extent(entry_of("data/x", 30), 10, 20), start, stop)
    deferred = clip(Deferred(DeferredKind.MANIFEST, 10, 20), start, stop)
    assert isinstance(extent, Extent)
    assert isinstance(deferred, Deferred)
    expected = numbers[10:20][first:last]
    assert clip(Literal(numbers[10:20]), start, stop) == Literal(expected)
    assert numbers[extent.start : extent.stop] == numbers[deferred.start : deferred.stop] == expected


def test_a_form_is_as_long_as_what_is_filled_in_and_stays_whole_when_it_is_clipped() -> None:
    assert (FORM.start, FORM.stop, FORM.length) == (0, 10, 10)
    assert clip(FORM, 2, 5) == Deferred(DeferredKind.LOCAL_HEADER, 2, 5, bytes(10), (Gap(3, EXTENT),))
