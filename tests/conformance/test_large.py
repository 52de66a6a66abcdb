"""A member of more than 8 GiB and what comes after it, as a sparse file: no program may lose its place."""

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from getapi.core.inventory import manifest_algorithms
from getapi.core.layout import Extent, Literal, lay_out
from getapi.core.stream import Learned, resolve
from getapi.core.tarreader import TarReader
from tests.conformance.foreign import program, run
from tests.core.packages import entry_of, plan_for

HUGE = 8 * 2**30 + 7
AFTER = b"what comes after eight gibibytes"
MEMBER = "bag/data/after.txt"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = plan_for((entry_of("data/huge.tiff", HUGE, digest="0" * 64), entry_of("data/after.txt", len(AFTER), digest="0" * 64)))
    layout = lay_out(plan)
    path = tmp_path_factory.mktemp("large") / "bag.tar"
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


LISTERS: dict[str, Callable[[str], list[str]]] = {
    "GNU tar": lambda path: [program("tar"), "-tvf", path],
    "bsdtar": lambda path: [program("bsdtar"), "-tvf", path],
    "busybox": lambda path: [program("busybox"), "tar", "-tvf", path],
    "7-Zip": lambda path: [program("7zz", "7z"), "l", path],
}
READERS: dict[str, Callable[[str], list[str]]] = {
    "GNU tar": lambda path: [program("tar"), "-xOf", path, MEMBER],
    "bsdtar": lambda path: [program("bsdtar"), "-xOf", path, MEMBER],
    "busybox": lambda path: [program("busybox"), "tar", "-xOf", path, MEMBER],
    "7-Zip": lambda path: [program("7zz", "7z"), "x", "-so", path, MEMBER],
}


@pytest.mark.parametrize("tool", LISTERS)
def test_every_program_lists_the_size_and_all_that_follows(tool: str, archive: Path) -> None:
    listed = run(LISTERS[tool](str(archive)), home=archive.parent).stdout.decode()
    assert str(HUGE) in listed
    for name in ("huge.tiff", "after.txt", "manifest-sha256.txt", "notices.txt", "tagmanifest-sha256.txt"):
        assert name in listed


@pytest.mark.parametrize("tool", READERS)
def test_every_program_finds_the_octets_that_follow(tool: str, archive: Path) -> None:
    assert run(READERS[tool](str(archive)), home=archive.parent).stdout == AFTER


def test_python_and_our_own_reader_agree_about_it(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        assert tar.getmember("bag/data/huge.tiff").size == HUGE
        after = tar.extractfile(MEMBER)
        assert after is not None
        assert after.read() == AFTER
        listed = [(member.name, member.size) for member in tar]
    with archive.open("rb") as file:
        reader = TarReader(file, skip=lambda count: file.seek(count, 1))
        assert [(member.path, member.size) for member in reader] == listed
        assert reader.position == archive.stat().st_size
        file.seek(0)
        assert manifest_algorithms(TarReader(file, skip=lambda count: file.seek(count, 1)), {"sha256"}.__contains__) == ("sha256",)
