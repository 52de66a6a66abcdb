"""What an archive holds."""

import hashlib
import io

import pytest

from getapi.core.inventory import Bounds, Inventory, manifest_algorithms, take_inventory
from getapi.core.tagreader import DIGEST_LENGTHS
from getapi.core.tarreader import TarReader
from getapi.core.zipreader import ZipReader
from tests.core import ziparchives
from tests.core.archives import Pieces, archive, bag_of, complete, directory, file

FILES = complete({"data/a": b"alpha"}, {"other.txt": b"any"})


def take(data: bytes, bounds: Bounds | None = None) -> Inventory:
    return take_inventory(TarReader(Pieces(data)), algorithms=["sha256", "md5"], bounds=bounds or Bounds())


def codes(inventory: Inventory) -> list[str]:
    return [problem.code for problem in inventory.problems]


def test_sizes_digests_and_the_text_of_the_bags_own_tag_files_are_kept() -> None:
    inventory = take(bag_of(FILES))
    assert inventory.complete
    assert inventory.name == "bag"
    assert inventory.directories == {"", "data"}
    assert {path: item.size for path, item in inventory.files.items()} == {path: len(data) for path, data in FILES.items()}
    for path, data in FILES.items():
        assert inventory.files[path].digests == {
            "sha256": hashlib.sha256(data).hexdigest(),
            "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        }
    kept = {path for path, item in inventory.files.items() if item.text is not None}
    assert kept == {"bagit.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"}
    assert inventory.files["bagit.txt"].text == FILES["bagit.txt"]
    assert list(inventory.payload()) == ["data/a"]
    assert set(inventory.tag_files()) == set(FILES) - {"data/a"}


@pytest.mark.parametrize(
    ("member", "code"),
    [
        (file("other/x"), "outside-top-directory"),
        (directory("other"), "outside-top-directory"),
        (file("bag"), "outside-top-directory"),
        (file("x"), "outside-top-directory"),
        (directory("bag"), "duplicate"),
        (file("bag/data"), "duplicate"),
        (file("bag/x"), "duplicate"),
        (directory("bag/x"), "duplicate"),
    ],
)
def test_what_has_no_place_in_the_one_top_directory_is_a_problem_and_reading_goes_on(member: bytes, code: str) -> None:
    inventory = take(archive(directory("bag"), directory("bag/data"), file("bag/x", b"first"), member, file("bag/last")))
    assert codes(inventory) == [code]
    assert inventory.complete
    assert inventory.files["x"].size == 5
    assert "last" in inventory.files


def test_a_file_in_place_of_the_top_directory_is_a_problem() -> None:
    assert codes(take(archive(file("bag"), file("bag/x")))) == ["outside-top-directory"]


@pytest.mark.parametrize("bounds", [Bounds(members=6), Bounds(path_characters=60), Bounds(tag_octets=100)])
def test_what_is_larger_than_its_bounds_is_given_up(bounds: Bounds) -> None:
    inventory = take(bag_of(FILES), bounds)
    assert codes(inventory) == ["too-large"]
    assert not inventory.complete


def test_a_tag_file_that_only_says_it_is_huge_is_never_read() -> None:
    huge = file("bag/manifest-sha256.txt", bytes(4096))
    stream = Pieces(archive(directory("bag"), huge))
    inventory = take_inventory(TarReader(stream), algorithms=[], bounds=Bounds(tag_octets=4095))
    assert codes(inventory) == ["too-large"]
    assert stream.given == 1024


def test_a_tag_file_whose_length_only_its_end_tells_is_not_read_beyond_what_may_be_kept() -> None:
    said_behind = ziparchives.described(ziparchives.file("bag/manifest-sha256.txt", bytes(4096), deflate=True))
    for room, problems in ((4096, []), (4095, ["too-large"])):
        reader = ZipReader(Pieces(ziparchives.archive(said_behind)))
        assert codes(take_inventory(reader, algorithms=[], bounds=Bounds(tag_octets=room))) == problems


def test_what_may_be_kept_is_counted_over_all_tag_files() -> None:
    tags = {"manifest-md5.txt": bytes(60), "manifest-sha1.txt": bytes(60), "other.txt": bytes(60)}
    assert codes(take(bag_of(tags), Bounds(tag_octets=120))) == []
    assert codes(take(bag_of(tags), Bounds(tag_octets=119))) == ["too-large"]


def test_a_damaged_member_is_a_problem_and_the_rest_is_read() -> None:
    damaged = ziparchives.file("bag/data/x", b"damaged").lying(local={"checksum": 1}, central={"checksum": 1})
    inventory = take_inventory(
        ZipReader(Pieces(ziparchives.archive(damaged, ziparchives.file("bag/data/y")))), algorithms=["sha256"], bounds=Bounds()
    )
    assert [(problem.code, problem.path) for problem in inventory.problems] == [("checksum", "data/x")]
    assert inventory.complete
    assert {path: item.size for path, item in inventory.files.items()} == {"data/x": 7, "data/y": 0}
    assert inventory.files["data/x"].digests == {"sha256": hashlib.sha256(b"damaged").hexdigest()}


def test_names_that_some_would_read_otherwise_are_remembered() -> None:
    members = (ziparchives.file(f"bag/{name}", flags=flags) for name, flags in (("é", 0), ("à", 0x0800), ("e", 0)))
    inventory = take_inventory(ZipReader(Pieces(ziparchives.archive(*members))), algorithms=[], bounds=Bounds())
    assert inventory.ambiguous == ["é"]


def test_payload_and_other_files_are_not_held_in_memory_however_large() -> None:
    inventory = take(bag_of({"data/a": bytes(10_000), "other.txt": bytes(10_000)}), Bounds(tag_octets=0))
    assert inventory.complete


def test_a_broken_archive_keeps_what_came_before() -> None:
    inventory = take(bag_of(FILES)[:3000])
    assert codes(inventory) == ["truncated"]
    assert not inventory.complete
    assert "bagit.txt" in inventory.files


def test_the_algorithms_of_manifests_are_found_by_their_names() -> None:
    files = {
        "manifest-md5.txt": b"",
        "manifest-sha512.txt": b"",
        "tagmanifest-md5.txt": b"",
        "manifest-whirlpool.txt": b"",
        "data/manifest-sha1.txt": b"",
    }

    def found(data: bytes) -> tuple[str, ...]:
        return manifest_algorithms(TarReader(io.BytesIO(data)), DIGEST_LENGTHS.__contains__)

    assert found(bag_of(files)) == ("md5", "sha512")
    assert found(bag_of(files)[:1536]) == ("md5",)
    assert found(b"no archive") == ()


def test_no_more_members_are_looked_through_for_manifests_than_are_verified() -> None:
    data = bag_of({"data/a": b"", "manifest-md5.txt": b""})
    for members, algorithms in ((4, ("md5",)), (3, ())):
        reader = TarReader(io.BytesIO(data))
        assert manifest_algorithms(reader, DIGEST_LENGTHS.__contains__, bounds=Bounds(members=members)) == algorithms
