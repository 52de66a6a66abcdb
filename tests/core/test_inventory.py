"""What an archive holds."""

import hashlib
import io

import pytest

from getapi.core.inventory import Bounds, Inventory, manifest_algorithms, take_inventory
from getapi.core.tagreader import DIGEST_LENGTHS
from getapi.core.tarreader import TarReader
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
