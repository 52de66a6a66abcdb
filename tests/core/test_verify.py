"""The judge of packages."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core import tagreader
from getapi.core.bag import DECLARATION
from getapi.core.inventory import Bounds
from getapi.core.tar import BLOCK, RECORD
from getapi.core.verdict import MAX_TOLD, Verdict
from getapi.core.verify import verify_tar
from tests.core.archives import Pieces, archive, bag_of, complete, directory, file, listing
from tests.core.packages import FILES, package, plan_of

PAYLOAD = {"data/été.txt": b"alpha", "data/empty": b""}
"""One file that needs a pax header and one without content: as much as goes into one record, so that every octet of it can be tried."""


def judge(data: bytes, **options: object) -> Verdict:
    return verify_tar(io.BytesIO(data), **options)  # type: ignore[arg-type] # passed on as they are


def codes(data: bytes) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in judge(data).problems]


@given(files=FILES, algorithm=st.sampled_from(["sha256", "sha512"]), known=st.booleans())
def test_every_package_is_valid(files: dict[str, bytes], algorithm: str, known: bool) -> None:
    plan = plan_of(files, algorithm=algorithm, known=known)
    whole = package(plan, files)
    verdict = verify_tar(Pieces(whole))
    assert verdict.problems == ()
    assert verdict.valid
    assert verdict.name == "bag"
    assert verdict.manifests == (f"manifest-{algorithm}.txt", f"tagmanifest-{algorithm}.txt")
    assert (verdict.payload_files, verdict.payload_octets) == (len(files), sum(map(len, files.values())))
    assert (verdict.tag_files, verdict.octets, verdict.untold) == (5, len(whole), 0)


def test_no_truncated_package_is_valid() -> None:
    whole = package(plan_of(PAYLOAD), PAYLOAD)
    assert len(whole) == RECORD
    edges = {edge + offset for edge in range(BLOCK, RECORD, BLOCK) for offset in (-1, 0, 1)}
    for length in sorted({*range(0, RECORD, 7), *edges, RECORD - 1}):
        assert [problem.code for problem in judge(whole[:length], algorithms=["sha256"]).problems] == ["truncated"], length


def test_no_package_with_a_flipped_octet_is_valid() -> None:
    whole = package(plan_of(PAYLOAD), PAYLOAD)
    for position in (each for each, octet in enumerate(whole) if octet or each % 5 == 0):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        assert not judge(bytes(damaged), algorithms=["sha256"]).valid, position


def _tagmanifest(whole: bytes) -> slice:
    content = whole.index(b"bag/tagmanifest-sha256.txt") + 512
    return slice(content, whole.index(b"\0", content))


@given(st.data(), st.integers(1, 255))
def test_a_changed_octet_is_seen_unless_the_tag_manifest_still_says_the_same(data: st.DataObject, change: int) -> None:
    whole = package(plan_of(PAYLOAD), PAYLOAD)
    position = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[position] ^= change
    if judge(bytes(damaged)).valid:
        # The case of a digit, or a TAB for a space, in the one file that no digest covers.
        place = _tagmanifest(whole)
        assert place.start <= position < place.stop
        assert tagreader.read_manifest(bytes(damaged[place]), algorithm="sha256") == tagreader.read_manifest(
            whole[place], algorithm="sha256"
        )


@given(st.binary(max_size=3000))
def test_no_octets_whatever_make_it_fail_or_are_a_bag(data: bytes) -> None:
    assert not judge(data).valid


@given(
    payload=st.dictionaries(st.sampled_from(["data/a", "data/b/c", "data/A", "data"]), st.binary(max_size=5), max_size=3),
    tags=st.dictionaries(
        st.sampled_from(
            ["bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-md5.txt", "tagmanifest-sha512.txt", "fetch.txt", "x/y"]
        ),
        st.one_of(st.binary(max_size=80), st.just(listing({"data/a": b"x", "../x": b""})), st.just(b"Payload-Oxum: 1.1\n")),
        max_size=4,
    ),
)
def test_no_bag_whatever_makes_it_fail(payload: dict[str, bytes], tags: dict[str, bytes]) -> None:
    verdict = judge(bag_of({**complete(payload), **tags}))
    assert verdict.valid == (not verdict.problems)


def test_an_empty_archive_holds_no_bag() -> None:
    assert codes(archive()) == [("no-bag", "")]
    assert [code for code, _ in codes(b"")] == ["truncated"]


def test_a_bag_needs_its_declaration_its_data_directory_and_a_payload_manifest() -> None:
    assert codes(archive(directory("bag"))) == [("no-bag", ""), ("no-data", ""), ("no-manifest", "")]
    only_tags = {"bagit.txt": DECLARATION, "tagmanifest-sha256.txt": listing({"bagit.txt": DECLARATION})}
    assert codes(bag_of(only_tags)) == [("no-manifest", "")]
    files = complete({"data/a": b"a"})
    assert judge(archive(*(file(f"bag/{path}", data) for path, data in files.items()))).valid


@pytest.mark.parametrize(
    "declaration",
    [b"", DECLARATION[:-1], DECLARATION.replace(b"1.0", b"0.97"), DECLARATION.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + DECLARATION,
     DECLARATION.replace(b":", b" :"), DECLARATION + b"\n"],
)  # fmt: skip
def test_the_declaration_is_exact(declaration: bytes) -> None:
    assert codes(bag_of(complete({}, {"bagit.txt": declaration}))) == [("bagit-txt", "bagit.txt")]


def test_payload_is_complete_both_ways() -> None:
    listed = {"data/a": b"a", "data/gone": b"gone"}
    files = complete({}, {"manifest-sha256.txt": listing(listed)}) | {"data/a": b"a", "data/extra": b"extra"}
    assert codes(bag_of(files)) == [("not-listed", "data/extra"), ("missing", "data/gone")]


def test_every_manifest_lists_all_payload_and_is_compared() -> None:
    payload = {"data/a": b"a", "data/b": b"b"}
    files = complete(payload, {"manifest-sha512.txt": listing({"data/a": b"changed"}, algorithm="sha512")})
    assert [code for code, _ in codes(bag_of(files))] == ["not-listed", "digest"]


def test_an_altered_payload_file_and_an_altered_tag_file_are_named() -> None:
    files = complete({"data/a": b"a"}, {"notices.txt": b"n"})
    assert codes(bag_of(files | {"data/a": b"b"})) == [("digest", "data/a")]
    assert codes(bag_of(files | {"notices.txt": b"m"})) == [("digest", "notices.txt")]


def test_a_tag_file_that_no_tag_manifest_covers_is_a_problem() -> None:
    files = complete({"data/a": b"a"}) | {"note.txt": b"smuggled in"}
    assert codes(bag_of(files)) == [("not-listed", "note.txt")]


def test_without_a_tag_manifest_the_bag_is_valid_with_a_warning() -> None:
    files = complete({"data/a": b"a"})
    del files["tagmanifest-sha256.txt"]
    verdict = judge(bag_of(files))
    assert verdict.valid
    assert [warning.code for warning in verdict.warnings] == ["no-tagmanifest"]


def test_what_was_not_read_to_its_end_is_not_said_to_lack_its_tag_manifest() -> None:
    verdict = judge(bag_of(complete({"data/a": b"a"}))[:2000])
    assert [problem.code for problem in verdict.problems] == ["truncated"]
    assert not verdict.warnings


def test_manifests_list_only_what_is_theirs() -> None:
    files = complete({"data/a": b"a"})
    files["manifest-sha256.txt"] += listing({"bagit.txt": DECLARATION, "../../etc/passwd": b""})
    tags = {path: data for path, data in files.items() if path != "tagmanifest-sha256.txt"}
    files["tagmanifest-sha256.txt"] = listing(tags | {"tagmanifest-md5.txt": b""})
    assert codes(bag_of(files)) == [
        ("wrong-manifest", "bagit.txt"),
        ("wrong-manifest", "../../etc/passwd"),
        ("wrong-manifest", "data/a"),
        ("wrong-manifest", "tagmanifest-md5.txt"),
    ]


def test_manifests_that_cannot_be_read_or_compared_are_problems() -> None:
    files = complete({"data/a": b"a"}, {"manifest-whirlpool.txt": b"", "manifest-md5.txt": listing({"data/a": b"a"}, algorithm="md5")})
    files["manifest-sha1.txt"] = b"nonsense"
    files["tagmanifest-sha256.txt"] += listing({"manifest-sha1.txt": b"nonsense"})
    assert sorted(codes(bag_of(files))) == [
        ("manifest", "manifest-sha1.txt"),
        ("not-compared", "data/a"),
        ("unknown-algorithm", "manifest-whirlpool.txt"),
    ]


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])
def test_every_known_algorithm_can_be_asked_for(algorithm: str) -> None:
    data = bag_of(complete({"data/a": b"a"}, algorithm=algorithm))
    assert judge(data, algorithms=[algorithm]).valid
    assert judge(data, algorithms=[algorithm, "sha256"]).valid


@pytest.mark.parametrize(
    ("info", "code"), [(b"Payload-Oxum: 3.1\n", "payload-oxum"), (b"Payload-Oxum: 4.2\n", "payload-oxum"), (b"?", "bag-info")]
)
def test_bag_info_must_be_readable_and_right_about_the_payload(info: bytes, code: str) -> None:
    payload = {"data/a": b"aa", "data/b": b"b"}
    assert judge(bag_of(complete(payload, {"bag-info.txt": b"Payload-Oxum: 3.2\n"}))).valid
    assert codes(bag_of(complete(payload, {"bag-info.txt": info}))) == [(code, "bag-info.txt")]


def test_a_file_cannot_be_a_directory_too() -> None:
    payload = {"data/a": b"a", "data/a/b/c": b"c", "data/a!": b"x"}
    assert codes(bag_of(complete(payload))) == [("duplicate", "data/a")]


def test_names_alike_but_for_case_or_normalization_are_a_warning() -> None:
    verdict = judge(bag_of(complete({"data/A.txt": b"", "data/a.txt": b"", "data/\u00e9": b"", "data/e\u0301": b"", "data/x": b""})))
    assert verdict.valid
    assert [warning.code for warning in verdict.warnings] == ["alike", "alike"]


def test_several_top_directories_are_no_bag() -> None:
    data = archive(*(file(f"{top}/{path}", data) for top in ("one", "two") for path, data in complete({"data/a": b"a"}).items()))
    assert {code for code, _ in codes(data)} == {"outside-top-directory"}


def test_what_comes_first_may_come_last() -> None:
    files = complete({"data/a": b"a"})
    turned = dict(reversed(files.items()))
    assert judge(bag_of(turned)).valid


def test_a_hostile_number_of_problems_is_counted_and_not_all_told() -> None:
    absent = {f"data/{number}": b"" for number in range(MAX_TOLD + 500)}
    verdict = judge(bag_of(complete({}, {"manifest-sha256.txt": listing(absent)})))
    assert (len(verdict.problems), verdict.untold) == (MAX_TOLD, 500)
    assert not verdict.valid


def test_bounds_are_the_callers() -> None:
    data = bag_of(complete({"data/a": b"a"}))
    assert [problem.code for problem in judge(data, bounds=Bounds(members=2)).problems] == ["too-large"]


def test_an_error_of_the_disk_is_not_a_verdict() -> None:
    class Broken:
        def read(self, count: int, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        verify_tar(Broken())
