"""ZIPs with sizes, offsets and counts just below, at and beyond what ZIP without ZIP64 can say, as sparse files."""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from getapi.core.layout import Extent, Literal, lay_out
from getapi.core.plan import Plan
from getapi.core.stream import Learned, resolve
from getapi.core.zipreader import ZipReader
from tests.conformance.foreign import program, run
from tests.core.packages import entry_of, package, plan_for, plan_of

GIB = 2**30
SIZES = {"below.tiff": 4 * GIB - 2, "at.tiff": 4 * GIB - 1, "beyond.tiff": 4 * GIB, "far.tiff": 6 * GIB}
AFTER = b"what comes after eighteen gibibytes"
MEMBER = "bag/data/after.txt"


def written(plan: Plan, path: Path) -> Path:
    """The package, whose payload is zeros but for ``after.txt``."""
    layout = lay_out(plan)
    with path.open("wb") as file:
        for segment, offset in zip(layout.segments, layout.offsets, strict=True):
            file.seek(offset)
            match segment:
                case Literal(data):
                    file.write(data)
                case Extent(entry, _, _):
                    file.write(AFTER if entry.path == "data/after.txt" else b"")
                case _:
                    file.write(resolve(segment, plan, Learned()))
    assert path.stat().st_size == layout.length
    assert path.stat().st_blocks * 512 < 2**20
    return path


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    huge = (entry_of(f"data/{name}", size, digest="0" * 64, checksum=number) for number, (name, size) in enumerate(SIZES.items()))
    after = entry_of("data/after.txt", len(AFTER), digest="0" * 64, checksum=zlib.crc32(AFTER))
    return written(plan_for((*huge, after), format="zip"), tmp_path_factory.mktemp("large") / "bag.zip")


LISTERS: dict[str, Callable[[str], list[str]]] = {
    "unzip": lambda path: [program("unzip"), "-l", path],
    "zipinfo": lambda path: [program("zipinfo"), path],
    "bsdtar": lambda path: [program("bsdtar"), "-tvf", path],
    "7-Zip": lambda path: [program("7zz", "7z"), "l", path],
}
READERS: dict[str, Callable[[str], list[str]]] = {
    "unzip": lambda path: [program("unzip"), "-p", path, MEMBER],
    "bsdtar": lambda path: [program("bsdtar"), "-xOf", path, MEMBER],
    "7-Zip": lambda path: [program("7zz", "7z"), "x", "-so", path, MEMBER],
}


@pytest.mark.parametrize("tool", LISTERS)
def test_every_program_lists_the_sizes_and_all_that_follows(tool: str, archive: Path) -> None:
    listed = run(LISTERS[tool](str(archive)), home=archive.parent).stdout.decode()
    for size in SIZES.values():
        assert str(size) in listed
    for name in (*SIZES, "after.txt", "manifest-sha256.txt", "notices.txt", "tagmanifest-sha256.txt"):
        assert name in listed


@pytest.mark.parametrize("tool", READERS)
def test_every_program_finds_the_octets_that_follow(tool: str, archive: Path) -> None:
    assert run(READERS[tool](str(archive)), home=archive.parent).stdout == AFTER


def test_python_and_our_own_reader_agree_about_it(archive: Path) -> None:
    with zipfile.ZipFile(archive) as found:
        assert [found.getinfo(f"bag/data/{name}").file_size for name in SIZES] == list(SIZES.values())
        assert found.read(MEMBER) == AFTER
        listed = [(info.filename.rstrip("/"), info.file_size) for info in found.infolist()]
    with archive.open("rb") as file:
        reader = ZipReader(file, skip=lambda count: file.seek(count, 1))
        assert [(member.path, member.size) for member in reader] == listed
        assert reader.position == archive.stat().st_size


@pytest.fixture(scope="module", params=[65_534, 65_535, 65_536])
def crowd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A package of so many members, all of its payload empty, so that every CRC-32 is known."""
    count: int = request.param
    path = tmp_path_factory.mktemp("crowd") / "bag.zip"
    files = {f"data/{number}": b"" for number in range(count - 7)}
    path.write_bytes(package(plan_of(files, format="zip"), files))
    yield path, count
    path.unlink()


COUNTERS: dict[str, Callable[[str], list[str]]] = {
    "zipinfo": lambda path: [program("zipinfo"), "-1", path],
    "bsdtar": lambda path: [program("bsdtar"), "-tf", path],
    "busybox": lambda path: [program("busybox"), "unzip", "-lq", path],
    "7-Zip": lambda path: [program("7zz", "7z"), "l", "-ba", path],
}


@pytest.mark.parametrize("tool", COUNTERS)
def test_every_program_lists_as_many_members_as_there_are(tool: str, crowd: tuple[Path, int]) -> None:
    path, count = crowd
    listed = run(COUNTERS[tool](str(path)), home=path.parent).stdout
    assert len(re.findall(rb"(?m)(?:^|\s)bag(?:/.*)?$", listed)) == count


def test_python_and_our_own_reader_count_alike(crowd: tuple[Path, int]) -> None:
    path, count = crowd
    with zipfile.ZipFile(path) as found:
        assert len(found.infolist()) == count
    with path.open("rb") as file:
        assert sum(1 for _ in ZipReader(file)) == count
