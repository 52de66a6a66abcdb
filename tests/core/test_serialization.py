"""Packages as a whole, judged by Python's tarfile and zipfile, also where a ZIP's numbers need ZIP64."""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.bag import Member
from getapi.core.layout import Layout, lay_out
from getapi.core.segment import Deferred, DeferredKind, Extent, Literal
from getapi.core.serialization import as_zip
from getapi.core.stream import Learned
from getapi.core.zip import MARK_32, local_header
from getapi.core.zipreader import ZipReader
from tests.core.packages import DAY, FILES, entry_of, package, plan_for, plan_of
from tests.core.sparse import SparseFile


@given(files=FILES, algorithm=st.sampled_from(["sha256", "sha512"]), known=st.booleans())
def test_the_sum_of_the_bytes_is_the_length_and_tarfile_agrees(files: dict[str, bytes], algorithm: str, known: bool) -> None:
    plan = plan_of(files, algorithm=algorithm, known=known)
    whole = package(plan, files)
    assert len(whole) == lay_out(plan).length
    assert len(whole) % 10_240 == 0
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        names = tar.getnames()
        found = {name.removeprefix("bag/"): tar.extractfile(name) for name in names if name.startswith("bag/data/")}
        assert {path: file.read() for path, file in found.items() if file} == files
    assert names[:4] == ["bag", "bag/bagit.txt", "bag/bag-info.txt", "bag/data"]


@given(files=FILES, algorithm=st.sampled_from(["sha256", "sha512"]), known=st.booleans())
def test_the_sum_of_the_bytes_is_the_length_and_zipfile_agrees(files: dict[str, bytes], algorithm: str, known: bool) -> None:
    plan = plan_of(files, algorithm=algorithm, known=known, format="zip")
    whole = package(plan, files)
    assert len(whole) == lay_out(plan).length
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            *("bag/", "bag/bagit.txt", "bag/bag-info.txt", "bag/data/"),
            *(f"bag/{path}" for path in files),
            *(f"bag/manifest-{algorithm}.txt", "bag/notices.txt", f"bag/tagmanifest-{algorithm}.txt"),
        ]
        assert {path: archive.read(f"bag/{path}") for path in files} == files
        infos = archive.infolist()
    assert {info.date_time for info in infos if not info.filename.startswith("bag/data/")} == {(DAY.year, DAY.month, DAY.day, 0, 0, 0)}
    assert {info.date_time for info in infos if info.filename.startswith("bag/data/") and not info.is_dir()} <= {(2014, 5, 13, 16, 53, 20)}


def test_only_what_holds_an_unknown_checksum_waits() -> None:
    segments = lay_out(plan_of({"data/a": b"a", "data/empty": b""}, format="zip")).segments
    kinds = [segment.kind if isinstance(segment, Deferred) else type(segment) for segment in segments]
    header = DeferredKind.LOCAL_HEADER
    assert kinds == [
        *(Literal, header, Extent, header, Extent, header, DeferredKind.MANIFEST),
        *(Literal, header, DeferredKind.TAGMANIFEST, DeferredKind.CENTRAL_DIRECTORY, Literal),
    ]


def test_the_checksum_of_a_literal_tag_file_is_in_its_header() -> None:
    body = Literal(b"Bagging-Date: 2026-03-01\n")
    first, second, directory, _ = as_zip([Member(path="bag/bag-info.txt", mtime=0, body=body)])
    assert first == Literal(local_header("bag/bag-info.txt", size=body.length, mtime=0, checksum=zlib.crc32(body.data)))
    assert second == body
    assert isinstance(directory, Deferred)
    assert directory.gaps == ()


def sparse(sizes: Sequence[int]) -> SparseFile:
    """A package of entries of zeros; what their checksums are would take too long to compute."""
    entries = tuple(entry_of(f"data/{number}", size, digest="0" * 64, checksum=number) for number, size in enumerate(sizes))
    plan = plan_for(entries, format="zip")
    return SparseFile(lay_out(plan), Learned())


def read_back(file: SparseFile, sizes: Sequence[int]) -> list[zipfile.ZipInfo]:
    """What Python finds in the central directory, after our own reader found the same in the local headers and nothing wrong."""
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        assert archive.read("bag/bagit.txt").startswith(b"BagIt")
        assert archive.read("bag/notices.txt")
    assert [info.file_size for info in infos[4:-3]] == list(sizes)
    file.seek(0)
    reader = ZipReader(file, skip=lambda count: file.seek(count, 1))
    assert [(member.path, member.size) for member in reader] == [(info.filename.rstrip("/"), info.file_size) for info in infos]
    assert reader.position == file.seek(0, 2)
    return infos


@pytest.mark.parametrize("size", [MARK_32 - 1, MARK_32, MARK_32 + 1, 2**40])
@pytest.mark.parametrize("after", [0, 5])
def test_a_size_at_or_beyond_four_gibibytes_loses_nobodys_place(size: int, after: int) -> None:
    infos = read_back(sparse([3, size, after]), [3, size, after])
    assert [info.extract_version for info in infos[4:7]] == [20, 45 if size >= MARK_32 else 20, 45]


def size_for(wanted: int, measure: Callable[[int], int]) -> int:
    """The size of a first entry where ``measure`` gives just that; what says the size in tag files may grow with it."""
    size = wanted
    while (found := measure(size)) != wanted:
        size += wanted - found
    return size


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_an_offset_at_or_beyond_four_gibibytes_loses_nobodys_place(beyond: int) -> None:
    def offset(size: int) -> int:
        with zipfile.ZipFile(sparse([size, 0])) as archive:
            return archive.infolist()[5].header_offset

    size = size_for(MARK_32 + beyond, offset)
    infos = read_back(sparse([size, 0]), [size, 0])
    assert infos[5].header_offset == MARK_32 + beyond
    assert [info.extract_version for info in infos[4:6]] == [20, 20 if beyond < 0 else 45]


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_a_central_directory_at_or_beyond_four_gibibytes_is_found(beyond: int) -> None:
    def start(size: int) -> int:
        with zipfile.ZipFile(sparse([size])) as archive:
            return archive.start_dir

    size = size_for(MARK_32 + beyond, start)
    file = sparse([size])
    file.seek(-98, 2)
    assert file.read().startswith(b"PK\x06\x06") == (beyond >= 0)
    read_back(file, [size])


@pytest.mark.parametrize(("count", "needs_zip64"), [(65_534, False), (65_535, True)])
def test_as_many_members_as_16_bits_hold_and_one_less(count: int, needs_zip64: bool) -> None:
    layout = Layout.of(as_zip(Member(path=f"{number:x}", mtime=0, body=None) for number in range(count)))
    whole = b"".join(segment.blank if isinstance(segment, Deferred) else getattr(segment, "data", b"") for segment in layout.segments)
    assert len(whole) == layout.length
    assert (b"PK\x06\x06" in whole[-98:]) == needs_zip64
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert len(archive.filelist) == count
