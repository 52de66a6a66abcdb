"""Layouts: the length and the bytes come from one list."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.errors import MalformedParameter
from getapi.core.layout import Deferred, DeferredKind, Extent, Layout, Literal, Segment, lay_out, lay_out_entry
from tests.core.packages import FILES, entry_of, octets, package, plan_of

ENTRY = entry_of("data/x", 100)
FORMATS = st.sampled_from(["tar", "zip"])
PARTS: st.SearchStrategy[list[Segment]] = st.lists(
    st.one_of(
        st.binary(max_size=5).map(Literal),
        st.integers(0, 5).map(lambda size: Extent(entry_of("data/x", size), 0, size)),
        st.integers(0, 5).map(lambda size: Deferred(DeferredKind.MANIFEST, 0, size)),
    ),
    max_size=8,
)


@given(files=FILES, serialization=FORMATS, data=st.data())
def test_every_window_is_that_slice_of_the_whole(files: dict[str, bytes], serialization: str, data: st.DataObject) -> None:
    plan = plan_of(files, format=serialization)
    layout, whole = lay_out(plan), package(plan, files)
    edges = [edge for offset in layout.offsets for edge in (offset - 1, offset, offset + 1)]
    cut = st.one_of(st.integers(-5, layout.length + 5), st.sampled_from(edges))
    start, stop = data.draw(cut), data.draw(cut)
    window = list(layout.window(start, stop))
    assert octets(window, plan, files) == whole[max(start, 0) : max(stop, 0)]
    assert sum(segment.length for segment in window) == max(min(stop, len(whole)) - max(start, 0), 0)


@pytest.mark.parametrize("serialization", ["tar", "zip"])
def test_every_window_of_a_small_package_is_that_slice(serialization: str) -> None:
    files = {"data/é.txt": b"abc", "data/empty": b""}
    plan = plan_of(files, format=serialization)
    layout, whole = lay_out(plan), package(plan, files)
    edges = sorted({edge for offset in (*layout.offsets, layout.length) for edge in (offset - 1, offset, offset + 1) if edge >= 0})
    for start in edges:
        for stop in edges:
            assert octets(layout.window(start, stop), plan, files) == whole[start:stop]


@given(PARTS, st.lists(st.integers(0, 45), max_size=6))
def test_windows_side_by_side_give_each_segment_once(parts: list[Segment], cuts: list[int]) -> None:
    layout = Layout.of(parts)
    edges = sorted({0, layout.length, *(cut for cut in cuts if cut < layout.length)})
    shown = [segment for start, stop in pairwise(edges) for segment in layout.window(start, stop)]
    assert sum(segment.length for segment in shown) == layout.length
    empty = [
        segment for segment, offset in zip(layout.segments, layout.offsets, strict=True) if not segment.length and offset < layout.length
    ]
    assert [segment for segment in shown if not segment.length] == empty


@given(PARTS)
def test_offsets_say_where_segments_begin(parts: list[Segment]) -> None:
    layout = Layout.of(parts)
    assert len(layout.offsets) == len(layout.segments) == len(parts)
    assert list(layout.offsets) == [sum(part.length for part in parts[:index]) for index in range(len(parts))]
    assert layout.length == sum(part.length for part in parts)


def test_a_clipped_segment_counts_from_its_own_source() -> None:
    layout = Layout.of([Extent(ENTRY, 10, 20), Deferred(DeferredKind.TAGMANIFEST, 5, 9)])
    assert list(layout.window(2, 12)) == [Extent(ENTRY, 12, 20), Deferred(DeferredKind.TAGMANIFEST, 5, 7)]
    assert list(layout.window(11, 13)) == [Deferred(DeferredKind.TAGMANIFEST, 6, 8)]


def test_a_single_datastream_is_its_bytes_alone() -> None:
    layout = lay_out_entry(ENTRY)
    assert layout.plan is None
    assert layout.length == 100
    assert list(layout.window(7, 9)) == [Extent(ENTRY, 7, 9)]
    assert list(lay_out_entry(entry_of("data/x", 0)).window(0, 0)) == []


def test_literals_side_by_side_are_one() -> None:
    layout = lay_out(plan_of({"data/a": b"a", "data/empty": b""}))
    kinds = [type(segment) for segment in layout.segments]
    assert kinds == [Literal, Extent, Literal, Extent, Literal, Deferred, Literal, Deferred, Literal]


@given(files=FILES, serialization=FORMATS)
def test_only_what_is_read_or_waits_stands_between_literals_and_none_of_them_is_empty(files: dict[str, bytes], serialization: str) -> None:
    segments = lay_out(plan_of(files, format=serialization)).segments
    assert all(segment.length for segment in segments if isinstance(segment, Literal))
    assert not any(isinstance(first, Literal) and isinstance(second, Literal) for first, second in pairwise(segments))


@pytest.mark.parametrize("serialization", ["tar", "zip"])
def test_what_was_learned_or_planned_gives_the_same_octets(serialization: str) -> None:
    files = {"data/a": b"a"}
    learning, knowing = (plan_of(files, known=known, format=serialization) for known in (False, True))
    assert package(learning, files) == package(knowing, files)
    assert lay_out(learning).offsets == lay_out(knowing).offsets


def test_nothing_is_as_long_as_nothing() -> None:
    assert Layout.of([]).length == 0
    assert list(Layout.of([]).window(0, 10)) == []


def test_a_format_that_is_not_built_is_refused() -> None:
    with pytest.raises(MalformedParameter, match="tar, zip"):
        lay_out(replace(plan_of({}), format="cpio"))
