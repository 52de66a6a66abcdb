"""Deferred tag files become octets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.bag import manifest, tagmanifest
from getapi.core.errors import DeliveryError
from getapi.core.layout import lay_out
from getapi.core.segment import Deferred, DeferredKind
from getapi.core.stream import resolve, unlearned
from tests.core.packages import FILES, learned, plan_of


@given(FILES, st.data())
def test_a_deferred_part_is_that_part_of_its_tag_file(files: dict[str, bytes], data: st.DataObject) -> None:
    plan = plan_of(files)
    digests = learned(plan, files)
    for segment in lay_out(plan).segments:
        if isinstance(segment, Deferred):
            whole = manifest(plan, digests) if segment.kind is DeferredKind.MANIFEST else tagmanifest(plan, digests)
            assert resolve(segment, plan, digests) == whole
            start = data.draw(st.integers(0, len(whole)))
            stop = data.draw(st.integers(start, len(whole)))
            assert resolve(Deferred(segment.kind, start, stop), plan, digests) == whole[start:stop]


def test_what_was_not_learned_is_told_and_stops_the_manifest() -> None:
    files = {"data/a": b"a", "data/b": b"b"}
    plan = plan_of(files)
    digests = learned(plan, files)
    del digests["data/b"]
    assert [entry.path for entry in unlearned(plan, digests)] == ["data/b"]
    assert unlearned(plan_of(files, known=True), {}) == ()
    with pytest.raises(DeliveryError):
        resolve(Deferred(DeferredKind.MANIFEST, 0, 1), plan, digests)
