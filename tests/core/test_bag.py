"""A bag's members and manifests."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.bag import DECLARATION, encoded_path, manifest, members, tagmanifest
from getapi.core.errors import DeliveryError
from getapi.core.segment import Deferred, DeferredKind, Extent, Literal
from tests.core.packages import FILES, learned, plan_of

MIDNIGHT = 1772323200  # of 1 March 2026, UTC
SMALL = {"data/b.txt": b"second", "data/a/x.txt": b"first"}


def test_members_come_in_the_order_of_the_contract() -> None:
    plan = plan_of(SMALL)
    listed = list(members(plan))
    assert [member.path for member in listed] == [
        "bag", "bag/bagit.txt", "bag/bag-info.txt", "bag/data", "bag/data/b.txt", "bag/data/a/x.txt",
        "bag/manifest-sha256.txt", "bag/notices.txt", "bag/tagmanifest-sha256.txt",
    ]  # fmt: skip
    assert [member.mtime for member in listed] == [MIDNIGHT] * 4 + [1_400_000_000] * 2 + [MIDNIGHT] * 3
    bodies = [member.body for member in listed]
    assert bodies[:4] == [None, Literal(b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"), Literal(plan.bag_info), None]
    assert bodies[4] == Extent(plan.entries[0], 0, 6)
    assert bodies[7] == Literal(plan.notices_text)


def test_an_empty_bag_has_a_data_directory_and_an_empty_manifest() -> None:
    listed = {member.path: member.body for member in members(plan_of({}))}
    assert listed["bag/data"] is None
    assert listed["bag/manifest-sha256.txt"] == Deferred(DeferredKind.MANIFEST, 0, 0)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_manifest_lines_are_what_sha256sum_checks(algorithm: str) -> None:
    plan = plan_of(SMALL, algorithm=algorithm)
    expected = "".join(f"{hashlib.new(algorithm, data).hexdigest()}  {path}\n" for path, data in SMALL.items())
    assert manifest(plan, learned(plan, SMALL).digests) == expected.encode()


def test_the_tag_manifest_lists_every_other_tag_file() -> None:
    plan = plan_of(SMALL)
    digests = learned(plan, SMALL).digests
    texts = {
        "bagit.txt": DECLARATION,
        "bag-info.txt": plan.bag_info,
        "manifest-sha256.txt": manifest(plan, digests),
        "notices.txt": plan.notices_text,
    }
    assert tagmanifest(plan, digests).decode() == "".join(f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in texts.items())


@given(FILES, st.sampled_from(["sha256", "sha512"]))
def test_the_length_of_a_manifest_is_known_before_its_digests(files: dict[str, bytes], algorithm: str) -> None:
    plan = plan_of(files, algorithm=algorithm)
    bodies = [member.body for member in members(plan) if isinstance(member.body, Deferred)]
    digests = learned(plan, files).digests
    assert [body.length for body in bodies] == [len(manifest(plan, digests)), len(tagmanifest(plan, digests))]


def test_a_digest_that_was_learned_goes_over_the_planned_one() -> None:
    plan = plan_of({"data/a": b"a"}, known=True)
    planned = hashlib.sha256(b"a").hexdigest()
    assert manifest(plan, {}) == f"{planned}  data/a\n".encode()
    assert manifest(plan, {"data/a": "f" * 64}) == b"f" * 64 + b"  data/a\n"


@pytest.mark.parametrize("digest", [None, "", "ab", "f" * 128])
def test_no_manifest_is_written_with_a_digest_unknown_or_of_another_length(digest: str | None) -> None:
    plan = plan_of({"data/a": b"a"})
    with pytest.raises(DeliveryError):
        manifest(plan, {"data/a": digest} if digest is not None else {})


@pytest.mark.parametrize(
    ("path", "encoded"),
    [("data/a b'é\\*", "data/a b'é\\*"), ("100%", "100%25"), ("%0A", "%250A"), ("a\r\nb", "a%0D%0Ab"), ("a\tb", "a\tb")],
)
def test_only_percent_cr_and_lf_are_encoded(path: str, encoded: str) -> None:
    assert encoded_path(path) == encoded
