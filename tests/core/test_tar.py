"""TAR headers, judged by Python's tarfile and by the standard's own fields."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.tar import BLOCK, MAX_MTIME, MAX_OCTAL_SIZE, RECORD, directory_header, end, file_header, padding
from tests.core.packages import PATHS


def read(header: bytes) -> tarfile.TarInfo:
    """What Python makes of a member whose content is missing."""
    info = tarfile.TarFile(fileobj=io.BytesIO(header)).next()
    assert info is not None
    return info


@given(
    path=PATHS,
    size=st.one_of(st.integers(0, 10**6), st.sampled_from([MAX_OCTAL_SIZE, MAX_OCTAL_SIZE + 1]), st.integers(0, 10**18)),
    mtime=st.integers(0, MAX_MTIME),
)
def test_python_reads_what_was_written(path: str, size: int, mtime: int) -> None:
    header = file_header(path, size=size, mtime=mtime)
    assert len(header) % BLOCK == 0
    info = read(header)
    assert (info.name, info.size, info.mtime, info.type, info.mode) == (path, size, mtime, tarfile.REGTYPE, 0o644)
    assert (info.uid, info.gid, info.uname, info.gname) == (0, 0, "", "")


@given(path=PATHS)
def test_directories_have_no_content_and_end_with_a_slash(path: str) -> None:
    header = directory_header(path, mtime=0)
    info = read(header)
    assert (info.name, info.size, info.type, info.mode) == (path, 0, tarfile.DIRTYPE, 0o755)


@pytest.mark.parametrize(
    ("path", "name", "prefix"),
    [
        ("b/" + "x" * 98, "b/" + "x" * 98, ""),
        ("b/" + "x" * 99, "x" * 99, "b"),
        ("p" * 155 + "/" + "n" * 100, "n" * 100, "p" * 155),
        ("a/" + "p" * 140 + "/" + "n" * 30 + "/" + "m" * 30, "n" * 30 + "/" + "m" * 30, "a/" + "p" * 140),
    ],
)
def test_what_ustar_can_split_needs_no_pax(path: str, name: str, prefix: str) -> None:
    header = file_header(path, size=1, mtime=0)
    assert len(header) == BLOCK
    assert (header[:100].rstrip(b"\0").decode(), header[345:500].rstrip(b"\0").decode()) == (name, prefix)


@pytest.mark.parametrize("path", ["b/" + "x" * 101, "p" * 156 + "/" + "n" * 100, "/" + "n" * 100, "é", "b/" + "é" * 60])
def test_what_ustar_cannot_say_alone_has_a_pax_header_outside_of_the_bag(path: str) -> None:
    header = file_header(path, size=1, mtime=5)
    assert len(header) == 3 * BLOCK
    assert header[:100].rstrip(b"\0") == b"././@PaxHeader"
    assert header[156:157] == b"x"
    record = f"path={path}\n"
    total = next(n for n in range(1000) if n == len(f"{n} {record}".encode()))
    assert header[BLOCK : 2 * BLOCK].rstrip(b"\0").decode() == f"{total} {record}"


def test_readers_without_pax_still_get_raw_utf8_and_never_a_torn_letter() -> None:
    whole = file_header("b/data/été.txt", size=1, mtime=0)[2 * BLOCK :]
    assert whole[:100].rstrip(b"\0").decode() == "b/data/été.txt"
    cut = file_header("b" + "é" * 60, size=1, mtime=0)[2 * BLOCK :]
    assert cut[:100].rstrip(b"\0").decode() == "b" + "é" * 49


def test_from_8_gib_on_the_size_is_said_twice_and_alike() -> None:
    assert len(file_header("b", size=MAX_OCTAL_SIZE, mtime=0)) == BLOCK
    header = file_header("b", size=MAX_OCTAL_SIZE + 1, mtime=0)
    assert header[BLOCK : 2 * BLOCK].rstrip(b"\0") == b"19 size=8589934592\n"
    field = header[2 * BLOCK + 124 : 2 * BLOCK + 136]
    assert (field[0], int.from_bytes(field[1:], "big")) == (0x80, 8589934592)


@given(st.integers(1, 20_000))
def test_a_pax_record_counts_its_own_digits(length: int) -> None:
    path = "é" + "x" * length
    assert read(file_header(path, size=0, mtime=0)).name == path


@pytest.mark.parametrize(("mtime", "written"), [(-1, 0), (-(10**12), 0), (MAX_MTIME + 1, MAX_MTIME), (10**30, MAX_MTIME)])
def test_times_that_eleven_digits_cannot_say_are_held_to_what_they_can(mtime: int, written: int) -> None:
    assert read(file_header("b", size=0, mtime=mtime)).mtime == written


@given(st.integers(0, 10**15))
def test_padding_fills_blocks_and_the_end_fills_records(size: int) -> None:
    assert (size + len(padding(size))) % BLOCK == 0
    assert len(padding(size)) < BLOCK
    closing = end(size)
    assert (size + len(closing)) % RECORD == 0
    assert 2 * BLOCK <= len(closing) < 2 * BLOCK + RECORD
    assert not padding(size).strip(b"\0")
    assert not closing.strip(b"\0")
