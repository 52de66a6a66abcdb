"""ZIP as octets (PKWARE APPNOTE 6.3.10, method STORE): pure functions of a member's path, size, time and CRC-32.

Everything a member's reader needs stands before its octets: no data descriptors, which java.util.zip refuses for stored members. ZIP64
is used only where a number does not fit, since busybox gives up at it (APPNOTE 4.4.1.4: what does not fit is all ones, and stands there).
"""

import struct
from datetime import UTC, datetime

LOCAL_SIGNATURE, CENTRAL_SIGNATURE, DESCRIPTOR_SIGNATURE = b"PK\x03\x04", b"PK\x01\x02", b"PK\x07\x08"
END_SIGNATURE, ZIP64_END_SIGNATURE, ZIP64_LOCATOR_SIGNATURE = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"

LOCAL = struct.Struct("<4s5H3I2H")  # APPNOTE 4.3.7
CENTRAL = struct.Struct("<4s6H3I5H2I")  # 4.3.12
ZIP64_END = struct.Struct("<4sQ2H2I4Q")  # 4.3.14, version 1
ZIP64_LOCATOR = struct.Struct("<4sIQI")  # 4.3.15
END = struct.Struct("<4s4H2IH")  # 4.3.16
EXTRA = struct.Struct("<2H")  # 4.5.1

LOCAL_CHECKSUM, CENTRAL_CHECKSUM = 14, 16
"""Where the four octets of the CRC-32 (little-endian) begin in a local and in a central header."""

MARK_16, MARK_32 = 0xFFFF, 0xFFFFFFFF
"""What stands where the number itself stands in ZIP64's fields; and so the first numbers that do not fit."""

UTF8 = 0x0800
STORED = 0
DIRECTORY_ATTRIBUTE = 0x10  # MS-DOS
ZIP64_EXTRA, TIMESTAMP_EXTRA = 0x0001, 0x5455

_VERSION, _ZIP64_VERSION = 20, 45
_UNIX = 3 << 8
_MODES = {False: 0o100644 << 16, True: 0o040755 << 16 | DIRECTORY_ATTRIBUTE}
_MAX_TIMESTAMP = 2**31 - 1
_DOS_EPOCH = int(datetime(1980, 1, 1, tzinfo=UTC).timestamp())
_DOS_END = int(datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC).timestamp())


def local_header(path: str, *, size: int, mtime: int, checksum: int, directory: bool = False) -> bytes:
    """What goes before a member's octets. ``size`` in octets, ``mtime`` in seconds since 1970, ``checksum`` the octets' CRC-32."""
    name = _name(path, directory=directory)
    is_large = size >= MARK_32
    # In a local header both sizes are there, or neither (APPNOTE 4.5.3).
    extra = _zip64(size, size) if is_large else b""
    extra += _timestamp(mtime)
    told = min(size, MARK_32)
    version = _ZIP64_VERSION if is_large else _VERSION
    return LOCAL.pack(LOCAL_SIGNATURE, version, UTF8, STORED, *_dos(mtime), checksum, told, told, len(name), len(extra)) + name + extra


def central_header(path: str, *, size: int, mtime: int, checksum: int, offset: int, directory: bool = False) -> bytes:
    """A member's record in the central directory. ``offset`` is where its local header begins; the rest is as there."""
    name = _name(path, directory=directory)
    large = [number for number in (size, size, offset) if number >= MARK_32]
    extra = (_zip64(*large) if large else b"") + _timestamp(mtime)
    told = min(size, MARK_32)
    version = _ZIP64_VERSION if large else _VERSION
    head = CENTRAL.pack(
        CENTRAL_SIGNATURE,
        _UNIX | version,
        version,
        UTF8,
        STORED,
        *_dos(mtime),
        checksum,
        told,
        told,
        len(name),
        len(extra),
        0,  # no comment
        0,  # on the first disk
        0,  # nothing said of its content
        _MODES[directory],
        min(offset, MARK_32),
    )
    return head + name + extra


def end(*, count: int, start: int, length: int) -> bytes:
    """What closes an archive whose central directory has ``count`` records in ``length`` octets, the first of them octet ``start``."""
    told, fits = min(count, MARK_16), count < MARK_16 and max(start, length) < MARK_32
    closing = END.pack(END_SIGNATURE, 0, 0, told, told, min(length, MARK_32), min(start, MARK_32), 0)
    if fits:
        return closing
    rest = ZIP64_END.size - 12  # it does not count its signature and itself
    record = ZIP64_END.pack(ZIP64_END_SIGNATURE, rest, _UNIX | _ZIP64_VERSION, _ZIP64_VERSION, 0, 0, count, count, length, start)
    return record + ZIP64_LOCATOR.pack(ZIP64_LOCATOR_SIGNATURE, 0, start + length, 1) + closing


def _name(path: str, *, directory: bool) -> bytes:
    return path.encode() + (b"/" if directory else b"")


def _zip64(*numbers: int) -> bytes:
    return EXTRA.pack(ZIP64_EXTRA, 8 * len(numbers)) + struct.pack(f"<{len(numbers)}Q", *numbers)


def _timestamp(mtime: int) -> bytes:
    """Info-ZIP's extended timestamp: the exact second, in UTC, which MS-DOS time is not; nothing where its 31 bits do not reach."""
    return EXTRA.pack(TIMESTAMP_EXTRA, 5) + struct.pack("<BI", 1, mtime) if 0 <= mtime <= _MAX_TIMESTAMP else b""


def _dos(mtime: int) -> tuple[int, int]:
    """MS-DOS time and date, in UTC: every other second from 1980 to 2107."""
    moment = datetime.fromtimestamp(min(max(mtime, _DOS_EPOCH), _DOS_END), UTC)
    return (
        moment.hour << 11 | moment.minute << 5 | moment.second // 2,
        (moment.year - 1980) << 9 | moment.month << 5 | moment.day,
    )
