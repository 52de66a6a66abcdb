"""The judge of packages, on ZIPs."""

import io
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from getapi.core.verdict import Verdict
from getapi.core.verify import verify_tar, verify_zip
from tests.core import ziparchives
from tests.core.archives import Pieces, complete
from tests.core.packages import FILES, package, plan_of

PAYLOAD = {"data/été.txt": b"alpha", "data/empty": b""}


def judge_zip(data: bytes) -> Verdict:
    return verify_zip(io.BytesIO(data), algorithms=["sha256"])


@given(files=FILES, algorithm=st.sampled_from(["sha256", "sha512"]), known=st.booleans(), mtime=st.integers(0, 8**11 - 1))
def test_every_zip_package_is_valid(files: dict[str, bytes], algorithm: str, known: bool, mtime: int) -> None:
    plan = plan_of(files, algorithm=algorithm, known=known, mtime=mtime, format="zip")
    whole = package(plan, files)
    verdict = verify_zip(Pieces(whole))
    assert verdict.problems == ()
    assert verdict == replace(verify_tar(Pieces(package(replace(plan, format="tar"), files))), octets=len(whole))


def test_no_truncated_zip_package_is_valid() -> None:
    whole = package(plan_of(PAYLOAD, format="zip"), PAYLOAD)
    for length in range(len(whole)):
        assert [problem.code for problem in judge_zip(whole[:length]).problems] == ["truncated"], length


def _harmless(whole: bytes) -> set[int]:
    """What no extractor makes a difference of: versions, the maker, permissions, and the kind of a field that holds a time."""
    found = set()
    for signature, size, fields in ((b"PK\x03\x04", 30, [4, 5]), (b"PK\x01\x02", 46, [4, 5, 6, 7, 36, 37, 38, 39, 40, 41])):
        start = whole.find(signature)
        while start >= 0:
            name = whole[start + size - (4 if size == 30 else 18)]
            # The field's kind, and what it says is in it.
            found |= {start + field for field in fields} | {start + size + name + place for place in (0, 1, 4)}
            start = whole.find(signature, start + 1)
    return found


def test_no_zip_package_with_a_flipped_octet_is_valid_unless_it_makes_no_difference() -> None:
    whole = package(plan_of(PAYLOAD, format="zip"), PAYLOAD)
    harmless = _harmless(whole)
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        assert not judge_zip(bytes(damaged)).valid or position in harmless, position


@given(st.data(), st.integers(1, 255))
def test_any_changed_octet_of_a_zip_package_is_seen_unless_it_makes_no_difference(data: st.DataObject, change: int) -> None:
    whole = package(plan_of(PAYLOAD, format="zip"), PAYLOAD)
    position = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[position] ^= change
    assert not judge_zip(bytes(damaged)).valid or position in _harmless(whole)


@given(st.binary(max_size=3000), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06"]))
def test_no_octets_whatever_make_it_fail_or_are_a_zip_with_a_bag(data: bytes, signature: bytes) -> None:
    assert not judge_zip(signature + data).valid


def test_a_bag_in_somebody_elses_zip_is_judged_alike() -> None:
    files = complete({"data/a": b"a", "data/b": b"bb"})
    assert judge_zip(ziparchives.bag_of(files)).problems == ()
    members = [ziparchives.described(ziparchives.file(f"bag/{path}", data, deflate=True)) for path, data in files.items()]
    assert judge_zip(ziparchives.archive(*members)).problems == ()
    altered = ziparchives.bag_of(files | {"data/a": b"b"})
    assert [(problem.code, problem.path) for problem in judge_zip(altered).problems] == [("digest", "data/a")]
    assert [problem.code for problem in judge_zip(ziparchives.archive()).problems] == ["no-bag"]


def test_a_wrong_checksum_makes_a_bag_invalid_whose_digests_are_right() -> None:
    files = complete({"data/a": b"a"})
    members = [ziparchives.file(f"bag/{path}", data) for path, data in files.items()]
    lies = [member.lying(local={"checksum": 1}, central={"checksum": 1}) if b"data/a" in member.name else member for member in members]
    assert [(problem.code, problem.path) for problem in judge_zip(ziparchives.archive(*lies)).problems] == [("checksum", "data/a")]


def test_names_that_are_not_marked_as_utf_8_are_a_warning() -> None:
    files = complete({"data/é": b"a"})
    verdict = judge_zip(ziparchives.archive(*(ziparchives.file(f"bag/{path}", data, flags=0) for path, data in files.items())))
    assert verdict.valid
    assert [(warning.code, warning.path) for warning in verdict.warnings] == [("unmarked-name", "data/é")]
