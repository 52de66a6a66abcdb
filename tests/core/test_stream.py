"""Deferred segments become octets."""

import hashlib
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.bag import manifest, tagmanifest
from getapi.core.errors import DeliveryError
from getapi.core.layout import lay_out
from getapi.core.plan import Plan
from getapi.core.segment import Deferred, DeferredKind, Extent, clip
from getapi.core.stream import Learned, needs, resolve
from tests.core.packages import FILES, learned, plan_of

TWO = {"data/a": b"a", "data/b": b"bb"}
FORMATS = st.sampled_from(["tar", "zip"])


def deferred(plan: Plan) -> list[Deferred]:
    return [segment for segment in lay_out(plan).segments if isinstance(segment, Deferred)]


def paths(segment: Deferred, plan: Plan, facts: Learned) -> list[str]:
    return [entry.path for entry in needs(segment, plan, facts)]


@given(FILES, FORMATS, st.data())
def test_a_deferred_part_is_that_part_of_the_whole(files: dict[str, bytes], serialization: str, data: st.DataObject) -> None:
    plan = plan_of(files, format=serialization)
    facts = learned(plan, files)
    for segment in deferred(plan):
        whole = resolve(segment, plan, facts)
        assert len(whole) == segment.length
        start = data.draw(st.integers(0, len(whole)))
        stop = data.draw(st.integers(start, len(whole)))
        part = clip(segment, start, stop)
        assert isinstance(part, Deferred)
        assert resolve(part, plan, facts) == whole[start:stop]


@given(FILES, FORMATS)
def test_manifests_are_the_bags(files: dict[str, bytes], serialization: str) -> None:
    plan = plan_of(files, format=serialization)
    facts = learned(plan, files)
    found = {segment.kind: resolve(segment, plan, facts) for segment in deferred(plan)}
    assert found[DeferredKind.MANIFEST] == manifest(plan, facts.digests)
    assert found[DeferredKind.TAGMANIFEST] == tagmanifest(plan, facts.digests)


@given(files=FILES, serialization=FORMATS, data=st.data())
def test_what_is_needed_is_what_resolves_and_nothing_less_does(files: dict[str, bytes], serialization: str, data: st.DataObject) -> None:
    plan = plan_of(files, format=serialization)
    everything = learned(plan, files)
    known = Learned(
        digests={path: digest for path, digest in everything.digests.items() if data.draw(st.booleans())},
        checksums={path: checksum for path, checksum in everything.checksums.items() if data.draw(st.booleans())},
    )
    for segment in deferred(plan):
        wanted = paths(segment, plan, known)
        assert wanted == [entry.path for entry in plan.entries if entry.path in wanted]
        for left_out in (None, *wanted):
            read = [path for path in wanted if path != left_out]
            facts = Learned(
                digests={**known.digests, **{path: everything.digests[path] for path in read}},
                checksums={**known.checksums, **{path: everything.checksums[path] for path in read}},
            )
            if left_out is None:
                assert resolve(segment, plan, facts) == resolve(segment, plan, everything)
            else:
                with pytest.raises(DeliveryError):
                    resolve(segment, plan, facts)


def test_a_local_header_waits_for_its_own_member_alone_and_a_manifests_for_all_digests() -> None:
    plan = plan_of(TWO, format="zip")
    first, second, manifest_header, _, tagmanifest_header, _, directory = deferred(plan)
    assert [segment.kind for segment in (first, second, manifest_header, tagmanifest_header)] == [DeferredKind.LOCAL_HEADER] * 4
    assert directory.kind is DeferredKind.CENTRAL_DIRECTORY
    assert paths(first, plan, Learned()) == ["data/a"]
    assert paths(second, plan, Learned()) == ["data/b"]
    for segment in (manifest_header, tagmanifest_header, directory):
        assert paths(segment, plan, Learned()) == ["data/a", "data/b"]
    facts = learned(plan, TWO)
    assert paths(directory, plan, replace(facts, digests={})) == ["data/a", "data/b"]
    assert paths(directory, plan, replace(facts, checksums={"data/a": 1})) == ["data/b"]
    assert paths(manifest_header, plan, replace(facts, checksums={})) == []


def test_only_the_checksums_of_which_octets_are_asked_for_are_needed() -> None:
    plan = plan_of(TWO, format="zip")
    header = deferred(plan)[0]
    for start in range(header.length):
        part = clip(header, start, start + 1)
        assert isinstance(part, Deferred)
        assert paths(part, plan, Learned()) == (["data/a"] if 14 <= start < 18 else []), start
    beside = clip(header, 18, header.length)
    assert isinstance(beside, Deferred)
    assert resolve(beside, plan, Learned()) == resolve(header, plan, learned(plan, TWO))[18:]


def test_a_plan_may_know_it_all_and_what_was_learned_goes_over_it() -> None:
    plan = plan_of(TWO, format="zip", known=True)
    header = deferred(plan)[0]
    assert all(needs(segment, plan, Learned()) == () for segment in deferred(plan))
    assert resolve(header, plan, Learned())[14:18] == zlib.crc32(b"a").to_bytes(4, "little")
    assert resolve(header, plan, Learned(checksums={"data/a": 0}))[14:18] == bytes(4)
    digest = hashlib.sha256(b"").hexdigest()
    assert digest.encode() in resolve(deferred(plan)[3], plan, Learned(digests={"data/a": digest}))


def test_of_no_octets_the_checksum_is_known() -> None:
    plan = plan_of({"data/empty": b""}, format="zip")
    assert needs(deferred(plan)[0], plan, Learned()) == ()
    assert resolve(deferred(plan)[0], plan, Learned())[14:18] == bytes(4)


@pytest.mark.parametrize("checksum", [-1, 2**32])
def test_a_number_that_is_no_crc_32_is_not_known(checksum: int) -> None:
    plan = plan_of(TWO, format="zip")
    facts = Learned(checksums={"data/a": checksum})
    assert paths(deferred(plan)[0], plan, facts) == ["data/a"]
    with pytest.raises(DeliveryError):
        resolve(deferred(plan)[0], plan, facts)


@pytest.mark.parametrize("serialization", ["tar", "zip"])
def test_a_digest_of_another_length_is_not_known(serialization: str) -> None:
    plan = plan_of(TWO, format=serialization)
    facts = replace(learned(plan, TWO), digests={"data/a": "ab", "data/b": "0" * 64})
    for segment in deferred(plan)[-3:]:
        assert paths(segment, plan, facts) == ["data/a"]
        with pytest.raises(DeliveryError):
            resolve(segment, plan, facts)


def test_a_form_is_as_long_as_its_blank() -> None:
    plan = plan_of(TWO, format="zip")
    for segment in deferred(plan):
        if segment.blank:
            assert segment.length == len(segment.blank)
            assert [type(gap.body) for gap in segment.gaps].count(Extent) in {0, 1, 2}
