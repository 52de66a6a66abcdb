import errno
import hashlib
from functools import partial
from pathlib import Path
from typing import cast
from zlib import crc32

import pytest

from getapi.core.errors import ContentChanged, SourceUnavailable
from getapi.core.ledger import Examination
from getapi.core.source import Content
from getapi.transport import examination
from getapi.transport.examination import Checks, by_algorithm, checks_of, examine
from tests.transport.material import Held, Store, entry

OCTETS = bytes(range(256)) * 4096
MD5 = hashlib.md5(OCTETS, usedforsecurity=False).hexdigest()
SHA256 = hashlib.sha256(OCTETS).hexdigest()
SOUND = entry("a", OCTETS, known=False, declared=("md5",))


def read(store: Store, checks: Checks) -> tuple[Examination, list[int]]:
    """What was found, and the octets of each step."""
    steps, counts = examine(partial(store.open, SOUND), SOUND.datastream, checks, repository="store"), []
    while True:
        try:
            counts.append(next(steps))
        except StopIteration as end:
            return cast("Examination", end.value), counts


def store_of(octets: bytes, path: Path | None = None) -> Store:
    if path is not None:
        path.write_bytes(octets)
    return Store({"data/a": lambda start=0: Held(octets, path=path, start=start)})


@pytest.mark.parametrize("is_file", [True, False], ids=["file", "elsewhere"])
def test_one_pass_gives_every_checksum(tmp_path: Path, is_file: bool) -> None:
    store = store_of(OCTETS, tmp_path / "a" if is_file else None)
    seen, counts = read(store, Checks(learn=frozenset({"sha256"}), expected=by_algorithm(SOUND.datastream.digests) | {"md5": MD5}))
    assert (seen.mismatch, seen.size, seen.crc32, seen.digests) == ("", len(OCTETS), crc32(OCTETS), {"md5": MD5, "sha256": SHA256})
    assert sum(counts) == len(OCTETS)
    assert max(counts) <= examination.BLOCK
    assert [(held.confirmed, held.closed) for held in store.opened] == [(1, True)]


def test_a_checksum_that_nobody_wants_is_not_computed() -> None:
    seen, _ = read(store_of(OCTETS), Checks(learn=frozenset({"md5"}), checksum=False))
    assert (seen.crc32, seen.digests) == (None, {"md5": MD5})


def test_an_empty_datastream_has_checksums_too(tmp_path: Path) -> None:
    seen, counts = read(store_of(b"", tmp_path / "a"), Checks(learn=frozenset({"md5"})))
    assert (counts, seen.size, seen.crc32) == ([], 0, 0)
    assert seen.digests == {"md5": hashlib.md5(b"", usedforsecurity=False).hexdigest()}


class Short(Held):
    """A source whose content ends before its size."""

    def __init__(self, *, path: Path | None = None, start: int = 0) -> None:
        super().__init__(OCTETS, path=path, start=start)
        self.size += 1


def test_content_that_ends_before_its_size_has_no_checksum() -> None:
    with pytest.raises(ContentChanged):
        read(Store({"data/a": Short}), Checks(expected={"md5": MD5}))


def test_a_file_that_is_longer_than_its_size_has_no_checksum(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(OCTETS + b"more")
    with pytest.raises(ContentChanged):
        read(Store({"data/a": lambda start=0: Held(OCTETS, path=tmp_path / "a", start=start)}), Checks(expected={"md5": MD5}))


def test_a_mismatch_is_one_when_a_second_reading_says_so_too() -> None:
    rotten = store_of(OCTETS[:-1] + b"?")
    assert read(rotten, Checks(expected={"md5": MD5}))[0].mismatch == "md5"
    assert len(rotten.opened) == 2


def test_a_mismatch_that_a_second_reading_does_not_confirm_is_none(tmp_path: Path) -> None:
    """A disk that gives other octets at its first reading."""
    (tmp_path / "bad").write_bytes(OCTETS[:-1] + b"?")
    (tmp_path / "good").write_bytes(OCTETS)
    left = [tmp_path / "bad", tmp_path / "good"]
    flaky = Store({"data/a": lambda start=0: Held(OCTETS, path=left.pop(0), start=start)})
    seen, _ = read(flaky, Checks(expected={"md5": MD5}))
    assert (seen.mismatch, seen.digests) == ("", {"md5": MD5})
    assert left == []


@pytest.mark.parametrize("octet", [0, 600_000])
def test_a_disk_that_fails_is_the_repositorys_failure(octet: int) -> None:
    store = Store({"data/a": lambda start=0: Held(OCTETS, fail_at=(octet, OSError(errno.EIO, "I/O")), start=start)})
    with pytest.raises(SourceUnavailable):
        read(store, Checks(expected={"md5": MD5}))
    assert [held.closed for held in store.opened] == [True]


def test_a_store_that_cannot_be_opened_is_the_repositorys_failure() -> None:
    def opener() -> Content:
        raise OSError(errno.ESTALE, "stale")

    with pytest.raises(SourceUnavailable):
        list(examine(opener, SOUND.datastream, Checks(), repository="store"))


def test_what_is_declared_and_what_the_plan_says_must_be_so_and_the_packages_digest_is_learned() -> None:
    assert checks_of(SOUND, "sha256", checksum=True) == Checks(learn=frozenset({"sha256"}), expected={"md5": MD5}, checksum=True)
    assert checks_of(entry("a", OCTETS), "sha256", checksum=False).expected == {"sha256": SHA256}
    assert checks_of(SOUND, None, checksum=False) == Checks(expected={"md5": MD5}, checksum=False)


@pytest.mark.parametrize(
    ("wanted", "is_covered"),
    [
        (Checks(learn=frozenset({"sha256"}), checksum=False), True),
        (Checks(learn=frozenset({"md5"}), checksum=False), True),
        (Checks(expected={"md5": MD5}, checksum=False), True),
        (Checks(expected={"md5": "0" * 32}, checksum=False), False),
        (Checks(learn=frozenset({"sha1"}), checksum=False), False),
        (Checks(checksum=True), False),
    ],
)
def test_a_reading_serves_whoever_wants_no_more_of_it(wanted: Checks, is_covered: bool) -> None:
    reading = Checks(learn=frozenset({"sha256"}), expected={"md5": MD5}, checksum=False)
    assert reading.cover(wanted) is is_covered
