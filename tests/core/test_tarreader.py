"""Strict reading of TAR streams."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.archive import CHUNK, ArchiveMember, ArchiveRefused
from getapi.core.tar import MAX_OCTAL_SIZE, file_header
from getapi.core.tarreader import TarReader
from tests.core.archives import Pieces, archive, directory, file, patched, pax
from tests.core.packages import FILES, package, plan_of

ONE = file("b/x", b"content")


def read(data: bytes) -> list[tuple[str, bool, bytes]]:
    reader = TarReader(Pieces(data))
    return [(member.path, member.directory, b"".join(reader.content())) for member in reader]


def refusal(data: bytes) -> ArchiveRefused:
    with pytest.raises(ArchiveRefused) as caught:
        read(data)
    return caught.value


@given(FILES)
def test_packages_are_read_as_they_were_written(files: dict[str, bytes]) -> None:
    found = read(package(plan_of(files), files))
    assert {path.removeprefix("bag/"): data for path, _, data in found if path.startswith("bag/data/")} == files
    assert [path for path, is_directory, _ in found if is_directory] == ["bag", "bag/data"]


@given(FILES)
def test_what_python_writes_with_pax_is_read(files: dict[str, bytes]) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(f"b/{path}")
            info.size, info.mtime = len(data), 1.5
            tar.addfile(info, io.BytesIO(data))
    assert {path.removeprefix("b/"): data for path, _, data in read(target.getvalue())} == files


def test_content_that_nobody_reads_is_passed_over() -> None:
    data = archive(file("b/x", bytes(2 * CHUNK)), file("b/y", b"last"))
    stream = io.BytesIO(data)
    reader = TarReader(stream)
    assert [member.path for member in reader] == ["b/x", "b/y"]
    assert reader.position == len(data)
    stream.seek(0)
    skipping = TarReader(stream, skip=lambda count: stream.seek(count, 1))
    assert [member.path for member in skipping] == ["b/x", "b/y"]
    assert skipping.position == len(data)


def test_content_may_be_left_in_the_middle() -> None:
    reader = TarReader(io.BytesIO(archive(file("b/x", bytes(3 * CHUNK)), file("b/y", b"last"))))
    members = iter(reader)
    next(members)
    assert len(next(reader.content())) == CHUNK
    assert next(members) == ArchiveMember(path="b/y", directory=False, size=4)


@pytest.mark.parametrize("size", [MAX_OCTAL_SIZE, MAX_OCTAL_SIZE + 1, 2**80])
def test_sizes_in_octal_and_base_256_are_read(size: int) -> None:
    reader = TarReader(io.BytesIO(file_header("b/x", size=size, mtime=0)))
    assert next(iter(reader)).size == size


@pytest.mark.parametrize(
    ("offset", "octets", "why"),
    [
        (124, b"\xff" * 12, "size"),
        (124, b"7777777777x\0", "size"),
        (124, b"\0" * 12, "size"),
        (257, b"ustar  \0", "ustar"),
        (257, b"\0" * 8, "ustar"),
        (156, b"1", "hard link"),
        (156, b"2", "symbolic link"),
        (156, b"3", "character device"),
        (156, b"4", "block device"),
        (156, b"6", "pipe"),
        (156, b"g", "global"),
        (156, b"L", "long name"),
        (156, b"S", "sparse"),
        (156, b"?", "unknown"),
        (0, b"b/x\0y", "end"),
        (0, b"b/\xff", "UTF-8"),
    ],
)
def test_members_that_could_be_read_in_two_ways_are_refused(offset: int, octets: bytes, why: str) -> None:
    assert why in refusal(archive(patched(file("b/x"), offset, octets))).sentence


def test_a_file_of_the_oldest_kind_is_a_file() -> None:
    assert read(archive(patched(ONE, 156, b"\0"))) == [("b/x", False, b"content")]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../x",
        "b/../../x",
        "b/..",
        "..",
        ".",
        "./b/x",
        "b//x",
        "b/./x",
        "b\\..\\x",
        "C:/x",
        "c:x",
        "~root/x",
        "b/x/",
        "\\\\host\\x",
    ],
)
def test_paths_that_could_leave_their_directory_are_refused(path: str) -> None:
    refused = refusal(archive(file(path)))
    assert (refused.code, refused.path) == ("unsafe-path", path)


@pytest.mark.parametrize(
    "records",
    [
        b"x",
        b"10 path=b/",
        b"99 path=b/y\n",
        b"12 path=b/yy",
        b"12 =aaaaaaaa\n",
        b"0 path=b\n",
        b"-1 path=b\n",
        b"9 path\n==\n",
        b"13 path=b/\xff\xfe\n",
        b"12 path=b/y\n" * 2,
        b"17 linkpath=b/yy\n",
        b"22 GNU.sparse.size=100\n",
        b"12 \xffath=b/y\n",
        b"8 size=\nx",
        b"999999999 path=b\n",
    ],
)
def test_pax_headers_that_are_malformed_or_change_more_are_refused(records: bytes) -> None:
    assert "pax" in (refused := refusal(archive(pax(records), ONE))).sentence or "UTF-8" in refused.sentence


@pytest.mark.parametrize("size", [b"8", b"07", b"", b"-7", b"9" * 5000])
def test_two_sizes_that_differ_are_refused(size: bytes) -> None:
    record = b" size=%s\n" % size
    length = len(record) + 1
    while len(b"%d" % length) + len(record) != length:
        length += 1
    assert "disagree" in refusal(archive(pax(b"%d%s" % (length, record)), ONE)).sentence


def test_harmless_pax_records_are_passed_over() -> None:
    assert read(archive(pax(b"13 mtime=1.5\n12 path=b/y\n9 size=7\n"), ONE)) == [("b/y", False, b"content")]


def test_the_name_for_readers_without_pax_may_be_torn_but_may_not_lead_out_either() -> None:
    header = pax(b"12 path=b/y\n")
    assert read(archive(header, patched(file("b/x"), 0, b"b/\xc3"))) == [("b/y", False, b"")]
    assert refusal(archive(header, file("../x"))).code == "unsafe-path"
    assert refusal(archive(header, patched(file("b"), 0, b"\0"))).code == "unsafe-path"


def test_a_pax_header_needs_a_right_checksum_a_bounded_size_and_a_member_after_it() -> None:
    good = pax(b"12 path=b/y\n")
    assert "checksum" in refusal(archive(b"X" + good[1:], ONE)).sentence
    assert "longer" in refusal(archive(patched(good, 124, b"77777777777\0"))).sentence
    assert "checksum" in refusal(archive(good)).sentence
    assert "not zero" in refusal(archive(good[:-1] + b"x", ONE)).sentence
    assert "unknown" in refusal(archive(good, good, ONE)).sentence


def test_a_directory_has_no_content() -> None:
    assert "directory" in refusal(archive(patched(directory("b"), 124, b"%011o\0" % 512), bytes(512))).sentence


def test_padding_and_the_end_are_zeros() -> None:
    whole = archive(ONE)
    for offset in (len(ONE) - 1, len(ONE) + 513, len(whole) - 1):
        damaged = whole[:offset] + b"x" + whole[offset + 1 :]
        assert "zero" in refusal(damaged).sentence
    assert "checksum" in refusal(whole[: len(ONE)] + b"x" + whole[len(ONE) + 1 :]).sentence


@pytest.mark.parametrize("data", [b"\x1f\x8b" + bytes(range(256)) * 4, b"<!doctype html>" * 40, b"7z\xbc\xaf'\x1c" + bytes(600)])
def test_what_is_no_archive_at_all_is_called_that_and_not_a_damaged_one(data: bytes) -> None:
    found = refusal(data)
    assert (found.code, found.sentence) == (
        "no-archive",
        "It begins neither as a TAR nor as a ZIP archive does: it may be compressed, or another file",
    )
    assert refusal(archive(b"?" + ONE[1:])).code == "not-strict-tar"
    assert refusal(archive(ONE)[: len(ONE)] + data).code == "not-strict-tar"


def test_what_follows_the_end_must_be_whole_records_of_zeros() -> None:
    whole = archive(ONE)
    assert read(whole + bytes(10_240))
    assert refusal(whole + bytes(512)).code == "truncated"
    assert "after the end" in refusal(whole + archive(ONE)).sentence


@given(st.binary(max_size=2000))
def test_no_octets_whatever_make_it_fail_otherwise(data: bytes) -> None:
    with pytest.raises(ArchiveRefused):
        read(data)


def test_an_error_of_the_stream_is_no_refusal() -> None:
    class Broken:
        def read(self, count: int, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        list(TarReader(Broken()))
