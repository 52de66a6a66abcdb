"""Strict reading of ZIP streams."""

import io
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from getapi.core.archive import CHUNK, ArchiveMember, ArchiveRefused, MemberDamaged, is_safe
from getapi.core.zip import TIMESTAMP_EXTRA
from getapi.core.zipreader import ZipReader
from tests.core.archives import Pieces
from tests.core.packages import FILES, package, plan_of
from tests.core.ziparchives import MARKED, Member, archive, deflated, described, directory, extra_field, file, widened
from tests.core.zipreading import read, refusal

ONE = file("b/x", b"content")


def gathered(reader: ZipReader) -> tuple[list[bytes], ArchiveRefused | None]:
    """A member's pieces, and what ended them."""
    pieces: list[bytes] = []
    try:
        for piece in reader.content():
            pieces.append(piece)  # noqa: PERF402 # extend would lose them
    except ArchiveRefused as refused:
        return pieces, refused
    return pieces, None


def skipping(data: bytes) -> ZipReader:
    stream = io.BytesIO(data)
    return ZipReader(stream, skip=lambda count: stream.seek(count, io.SEEK_CUR))


@given(FILES)
def test_packages_are_read_as_they_were_written(files: dict[str, bytes]) -> None:
    found = read(package(plan_of(files, format="zip"), files))
    assert {path.removeprefix("bag/"): data for path, _, data in found if path.startswith("bag/data/")} == files
    assert [path for path, is_directory, _ in found if is_directory] == ["bag", "bag/data"]


@given(
    files=FILES,
    method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    is_piped=st.booleans(),
)
def test_what_python_writes_is_read(files: dict[str, bytes], method: int, is_piped: bool) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError

    target = Pipe() if is_piped and method == zipfile.ZIP_DEFLATED else io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as made:
        made.mkdir("b")
        for path, data in files.items():
            made.writestr(path, data)
    assert {path: data for path, is_directory, data in read(target.getvalue()) if not is_directory} == files


@pytest.mark.parametrize(
    "member",
    [
        file("b/x", b"abc" * 999, deflate=True),
        file("b/x", deflate=True),
        described(file("b/x", b"y" * CHUNK, deflate=True)),
        described(file("b/x", b"y", deflate=True, local_extra=extra_field(0x0001, bytes(16))), wide=True),
        described(directory("b/x")),
        described(file("b/x")),
    ],
)
def test_octets_may_be_deflated_and_described_behind(member: Member) -> None:
    data = b"" if not member.octets else zlib.decompress(member.octets, -15) if member.facts["method"] else member.octets
    assert read(archive(member, ONE)) == [("b/x", member.name.endswith(b"/"), data), ("b/x", False, b"content")]


def test_a_member_that_is_described_behind_has_no_size_before() -> None:
    reader = ZipReader(io.BytesIO(archive(described(file("b/x", b"y", deflate=True)), ONE)))
    assert [member.size for member in reader] == [None, 7]


def test_deflated_octets_come_in_bounded_pieces_however_well_they_were_deflated() -> None:
    for member in (file("b/x", bytes(20 * CHUNK + 1), deflate=True), described(file("b/x", bytes(20 * CHUNK + 1), deflate=True))):
        reader = ZipReader(io.BytesIO(archive(member)))
        for _ in reader:
            lengths = [len(piece) for piece in reader.content()]
            assert sum(lengths) == 20 * CHUNK + 1
            assert max(lengths) <= CHUNK


def test_deflated_octets_that_are_more_than_was_said_are_not_read_on() -> None:
    bomb = file("b/x", bytes(100 * CHUNK), deflate=True).lying(local={"size": CHUNK}, central={"size": CHUNK})
    reader = ZipReader(io.BytesIO(archive(bomb)))
    next(iter(reader))
    pieces, refused = gathered(reader)
    assert [len(piece) for piece in pieces] == [CHUNK]
    assert refused is not None
    assert "as long as" in refused.sentence


def test_content_that_nobody_reads_is_passed_over() -> None:
    members = [
        file("b/x", bytes(2 * CHUNK)),
        file("b/z", bytes(99), deflate=True),
        described(file("b/p", b"p", deflate=True)),
        file("b/y", b"last"),
    ]
    data = archive(*members)
    for reader in (ZipReader(io.BytesIO(data)), skipping(data)):
        assert [member.path for member in reader] == ["b/x", "b/z", "b/p", "b/y"]
        assert reader.position == len(data)
        assert list(reader.content()) == []


@pytest.mark.parametrize("open_reader", [lambda data: ZipReader(io.BytesIO(data)), skipping])
def test_content_may_be_left_in_the_middle(open_reader: Callable[[bytes], ZipReader]) -> None:
    reader = open_reader(archive(file("b/x", bytes(3 * CHUNK)), file("b/y", b"last")))
    members = iter(reader)
    next(members)
    assert len(next(reader.content())) == CHUNK
    assert next(members) == ArchiveMember(path="b/y", directory=False, size=4)
    assert b"".join(reader.content()) == b"last"
    assert list(members) == []


def test_a_wrong_checksum_is_told_after_the_last_piece_and_reading_goes_on() -> None:
    damaged = file("b/x", b"first").lying(local={"checksum": 1}, central={"checksum": 1})
    reader = ZipReader(io.BytesIO(archive(damaged, ONE)))
    members = iter(reader)
    next(members)
    pieces, damage = gathered(reader)
    assert pieces == [b"first"]
    assert isinstance(damage, MemberDamaged)
    assert (damage.code, damage.path) == ("checksum", "b/x")
    assert next(members).size == 7
    assert list(members) == []
    assert refusal(archive(damaged)).code == "checksum"


@pytest.mark.parametrize(
    ("field", "value"),
    [("flags", 0x0802), ("time", 1), ("date", 0x22), ("checksum", 1), ("name", b"b/y"), ("method", 8)],
)
def test_two_headers_that_differ_are_refused(field: str, value: object) -> None:
    assert "do not agree" in refusal(archive(ONE.lying(central={field: value}))).sentence


def test_sizes_that_differ_in_the_central_directory_are_refused() -> None:
    for field in ("size", "compressed"):
        refused = refusal(archive(ONE.lying(central={field: 8})))
        assert refused.sentence.endswith(f"about its {field}")
        assert refused.path == "b/x"


@pytest.mark.parametrize("told", [{"size": 8}, {"size": 6}, {"size": 0}])
def test_a_stored_member_is_as_long_as_it_says(told: dict[str, int]) -> None:
    assert "as long as" in refusal(archive(ONE.lying(local=told, central=told))).sentence


def test_deflated_octets_end_where_the_header_says() -> None:
    good = deflated(b"content")
    facts = {"method": 8, "size": 7, "checksum": zlib.crc32(b"content")}
    for octets, why in (
        (good + b"x", "end where"),
        (good[:-1], "end where"),
        (b"", "end where"),
        (b"\x07" + good, "cannot be read"),
        (b"\xff" * 9, "cannot be read"),
    ):
        member = file("b/x", octets)
        lying = {**facts, "compressed": len(octets)}
        assert why in refusal(archive(member.lying(local=lying, central=lying))).sentence
    # What follows the last octet may be longer than one reading takes.
    member = file("b/x", good + bytes(2 * CHUNK))
    lying = {**facts, "compressed": len(member.octets)}
    assert "end where" in refusal(archive(member.lying(local=lying, central=lying))).sentence


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../x", "b/../../x", "..", ".", "./b/x", "b//x", "b\\..\\x", "C:/x", "c:x", "~root/x", "", "/", "b//", "b/x\0y"],
)
def test_paths_that_could_leave_their_directory_are_refused(path: str) -> None:
    refused = refusal(archive(file(path)))
    assert (refused.code, refused.path) == ("unsafe-path", path.removesuffix("/"))


def test_a_directory_has_no_content() -> None:
    assert "directory" in refusal(archive(file("b/", b"x"))).sentence
    assert "directory" in refusal(archive(described(file("b/", b"x", deflate=True)))).sentence
    assert read(archive(file("b/", deflate=True), described(file("c/", deflate=True)))) == [("b", True, b""), ("c", True, b"")]


def test_each_member_is_in_the_central_directory_once_and_where_it_is() -> None:
    assert "begin" in refusal(archive(ONE.lying(central={"offset": 1}))).sentence
    assert "begin" in refusal(archive(ONE, file("b/y").lying(central={"offset": 0}))).sentence
    assert "disk" in refusal(archive(ONE.lying(central={"disk": 1}))).sentence
    two = archive(ONE, file("b/y"))
    second = two.index(b"PK\x01\x02", two.index(b"PK\x01\x02") + 1)
    refused = refusal(two[:second] + two[two.index(b"PK\x05\x06") :])
    assert (refused.sentence, refused.path) == ("It is not in the central directory", "b/y")


def test_the_central_directory_may_be_in_another_order() -> None:
    data = archive(ONE, file("b/y"))
    first = data.index(b"PK\x01\x02")
    second, last = data.index(b"PK\x01\x02", first + 1), data.index(b"PK\x05\x06")
    assert len(read(data[:first] + data[second:last] + data[first:second] + data[last:])) == 2


def test_an_archive_of_nothing_is_one() -> None:
    assert read(archive()) == []


@pytest.mark.parametrize("junk", [b"x", b"PK", b"PK\x03\x04", b"\0" * 512, b"#!/bin/sh\n", b"PK00", b"PK\x07\x08"])
def test_octets_before_between_and_behind_are_refused(junk: bytes) -> None:
    data = archive(ONE, file("b/y"))
    places = [0, data.index(b"PK\x03\x04", 1), data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06"), len(data)]
    for place in places:
        refusal(data[:place] + junk + data[place:])
    assert "no record of a ZIP at octet 0" in refusal(b"x" + data).sentence
    assert "no record of a ZIP at octet 40" in refusal(data[:40] + b"x" + data[40:]).sentence


def test_an_archive_that_is_cut_short_is_truncated() -> None:
    data = archive(ONE, described(file("b/y", b"y" * 99, deflate=True)), comment=b"c")
    for length in range(len(data)):
        assert refusal(data[:length]).code == "truncated", length


@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06"]))
def test_no_octets_whatever_make_it_fail_otherwise(data: bytes, signature: bytes) -> None:
    with pytest.raises(ArchiveRefused):
        read(signature + data)


WHOLE = archive(
    directory("b"),
    ONE,
    described(file("b/y", b"y" * 99, deflate=True)),
    widened(file("b/z", b"1234567"), local=bytes([7, *bytes(7)] * 2), central=bytes([7, *bytes(7)] * 2), told=MARKED),
    comment=b"c",
)


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
@example([(179, 128)])
def test_an_archive_with_any_octets_changed_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    changed = bytearray(WHOLE)
    for position, value in changes:
        changed[position] = value
    for reader in (ZipReader(Pieces(bytes(changed))), skipping(bytes(changed))):
        with suppress(ArchiveRefused):
            for member in reader:
                assert is_safe(member.path)
                gathered(reader)


def test_an_error_of_the_stream_is_no_refusal() -> None:
    class Broken:
        def read(self, count: int, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        list(ZipReader(Broken()))


@pytest.mark.parametrize(
    ("local", "central", "is_fine"),
    [
        (b"\x01\x05\0\0\0", b"\x01\x05\0\0\0", True),
        (b"\x03\x05\0\0\0\x06\0\0\0", b"\x03\x05\0\0\0", True),
        (b"\x01\x05\0\0\0", b"\x01\x06\0\0\0", False),
        (b"\x02\x05\0\0\0", b"\x01\x06\0\0\0", True),
        (b"\x01", b"\x01\x06\0\0\0", True),
        (b"", b"", True),
    ],
)
def test_two_times_that_differ_are_refused(local: bytes, central: bytes, is_fine: bool) -> None:
    data = archive(file("b/x", local_extra=extra_field(TIMESTAMP_EXTRA, local), central_extra=extra_field(TIMESTAMP_EXTRA, central)))
    if is_fine:
        assert read(data)
    else:
        assert "time" in refusal(data).sentence
