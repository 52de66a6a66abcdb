"""ZIP headers, judged by Python's zipfile and by the standard's own fields."""

import io
import struct
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.zip import CENTRAL, CENTRAL_CHECKSUM, END, LOCAL, LOCAL_CHECKSUM, MARK_32, central_header, end, local_header
from tests.core.packages import PATHS

EDGES = [MARK_32 - 1, MARK_32, MARK_32 + 1]
NUMBERS = st.one_of(st.integers(0, 10**6), st.sampled_from(EDGES), st.integers(0, 10**18))
TIMESTAMP = b"UT\x05\x00\x01"


def listed(central: bytes, *, before: int = 0) -> zipfile.ZipInfo:
    """What Python makes of the record of a member whose local header and octets are missing; it lets an archive begin anywhere."""
    with zipfile.ZipFile(io.BytesIO(central + end(count=1, start=before, length=len(central)))) as archive:
        return archive.infolist()[0]


@given(path=PATHS, size=NUMBERS, mtime=st.integers(0, 2**31 - 1), checksum=st.integers(0, MARK_32), directory=st.booleans())
def test_python_reads_what_was_written(path: str, size: int, mtime: int, checksum: int, directory: bool) -> None:
    record = central_header(path, size=size, mtime=mtime, checksum=checksum, offset=0, directory=directory)
    info = listed(record)
    assert (info.filename, info.file_size, info.compress_size, info.CRC) == (path + "/" * directory, size, size, checksum)
    assert (info.compress_type, info.flag_bits, info.create_system) == (zipfile.ZIP_STORED, 0x0800, 3)
    assert info.external_attr == (0o040755 << 16 | 0x10 if directory else 0o100644 << 16)
    assert info.is_dir() == directory
    assert info.extra.endswith(TIMESTAMP + struct.pack("<I", mtime))


@given(path=PATHS, size=NUMBERS, mtime=st.integers(-(2**40), 2**40), checksum=st.integers(0, MARK_32), directory=st.booleans())
def test_both_headers_say_the_same(path: str, size: int, mtime: int, checksum: int, directory: bool) -> None:
    local = local_header(path, size=size, mtime=mtime, checksum=checksum, directory=directory)
    central = central_header(path, size=size, mtime=mtime, checksum=checksum, offset=0, directory=directory)
    first, second = LOCAL.unpack_from(local), CENTRAL.unpack_from(central)
    assert first[1:10] == second[2:11]
    assert local[LOCAL.size :][: first[9]] == central[CENTRAL.size :][: second[10]]
    assert len(local) == LOCAL.size + first[9] + first[10]
    assert len(central) == CENTRAL.size + second[10] + second[11]


@given(st.integers(0, MARK_32))
def test_the_checksum_is_where_it_is_said_to_be_and_changes_nothing_else(checksum: int) -> None:
    for position, blank, written in (
        (LOCAL_CHECKSUM, local_header("b", size=1, mtime=0, checksum=0), local_header("b", size=1, mtime=0, checksum=checksum)),
        (
            CENTRAL_CHECKSUM,
            central_header("b", size=1, mtime=0, checksum=0, offset=0),
            central_header("b", size=1, mtime=0, checksum=checksum, offset=0),
        ),
    ):
        assert blank[:position] + checksum.to_bytes(4, "little") + blank[position + 4 :] == written


@pytest.mark.parametrize(("size", "large"), [(0, False), *zip(EDGES, (False, True, True), strict=True)])
def test_zip64_is_there_only_where_a_size_does_not_fit(size: int, large: bool) -> None:
    local = local_header("b", size=size, mtime=0, checksum=0)
    central = central_header("b", size=size, mtime=0, checksum=0, offset=7)
    wide = struct.pack("<2H2Q", 1, 16, size, size)
    assert (wide in local, wide in central) == (large, large)
    assert LOCAL.unpack_from(local)[1] == CENTRAL.unpack_from(central)[2] == (45 if large else 20)
    assert LOCAL.unpack_from(local)[7:9] == (min(size, MARK_32),) * 2
    assert listed(central).file_size == size


@pytest.mark.parametrize("size", [0, *EDGES])
@pytest.mark.parametrize("offset", [0, *EDGES])
def test_the_central_zip64_field_holds_what_does_not_fit_and_nothing_else(size: int, offset: int) -> None:
    record = central_header("b", size=size, mtime=0, checksum=0, offset=offset)
    large = [number for number in (size, size, offset) if number >= MARK_32]
    field = struct.pack(f"<2H{len(large)}Q", 1, 8 * len(large), *large) if large else b""
    assert record[CENTRAL.size + 1 :] == field + TIMESTAMP + bytes(4)
    assert CENTRAL.unpack_from(record)[-1] == min(offset, MARK_32)
    # Offsets are counted from where Python thinks that the archive begins.
    assert listed(record, before=offset).file_size == size


@pytest.mark.parametrize(
    ("count", "start", "length", "large"),
    [
        (0, 0, 0, False),
        (65_534, 1, 1, False),
        (65_535, 1, 1, True),
        (65_536, 1, 1, True),
        (1, MARK_32 - 1, 1, False),
        (1, MARK_32, 1, True),
        (1, MARK_32 + 1, 1, True),
        (1, 1, MARK_32 - 1, False),
        (1, 1, MARK_32, True),
    ],
)
def test_the_end_has_zip64_records_only_where_a_number_does_not_fit(count: int, start: int, length: int, large: bool) -> None:
    closing = end(count=count, start=start, length=length)
    assert len(closing) == END.size + (56 + 20 if large else 0)
    told = (min(count, 65_535),) * 2 + (min(length, MARK_32), min(start, MARK_32))
    assert END.unpack(closing[-END.size :]) == (b"PK\x05\x06", 0, 0, *told, 0)
    if large:
        assert closing[:56] == struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 3 << 8 | 45, 45, 0, 0, count, count, length, start)
        assert closing[56:76] == struct.pack("<4sIQI", b"PK\x06\x07", 0, start + length, 1)


@given(st.integers(315_532_800, 4_354_819_199))
def test_ms_dos_time_is_the_even_second_in_utc(mtime: int) -> None:
    told = listed(central_header("b", size=0, mtime=mtime, checksum=0, offset=0)).date_time
    assert datetime(*told, tzinfo=UTC).timestamp() == mtime - mtime % 2


@pytest.mark.parametrize(
    ("mtime", "told"),
    [
        (-(10**30), (1980, 1, 1, 0, 0, 0)),
        (0, (1980, 1, 1, 0, 0, 0)),
        (315_532_799, (1980, 1, 1, 0, 0, 0)),
        (1_400_000_000, (2014, 5, 13, 16, 53, 20)),
        (4_354_819_199, (2107, 12, 31, 23, 59, 58)),
        (8**11 - 1, (2107, 12, 31, 23, 59, 58)),
        (10**30, (2107, 12, 31, 23, 59, 58)),
    ],
)
def test_times_that_ms_dos_cannot_say_are_held_to_what_it_can(mtime: int, told: tuple[int, ...]) -> None:
    assert listed(central_header("b", size=0, mtime=mtime, checksum=0, offset=0)).date_time == told


@pytest.mark.parametrize(("mtime", "there"), [(-1, False), (0, True), (2**31 - 1, True), (2**31, False)])
def test_the_exact_time_is_told_where_31_bits_hold_it(mtime: int, there: bool) -> None:
    for header in (local_header("b", size=0, mtime=mtime, checksum=0), central_header("b", size=0, mtime=mtime, checksum=0, offset=0)):
        assert (TIMESTAMP in header) == there


def test_names_are_utf_8_and_marked_as_such_even_where_they_are_ascii() -> None:
    for path in ("b/data/été 😀", "b/plain"):
        header = local_header(path, size=0, mtime=0, checksum=0)
        assert LOCAL.unpack_from(header)[2] == 0x0800
        assert header[LOCAL.size :].startswith(path.encode())
