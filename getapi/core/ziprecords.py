"""The records of a ZIP that somebody else may have written (PKWARE APPNOTE 6.3.10), read one by one from a stream."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from stat import S_IFDIR, S_IFMT, S_IFREG

from getapi.core.archive import ArchiveRefused, Octets
from getapi.core.zip import (
    CENTRAL,
    DESCRIPTOR_SIGNATURE,
    DIRECTORY_ATTRIBUTE,
    END,
    END_SIGNATURE,
    EXTRA,
    LOCAL,
    MARK_16,
    MARK_32,
    STORED,
    TIMESTAMP_EXTRA,
    UTF8,
    ZIP64_END,
    ZIP64_END_SIGNATURE,
    ZIP64_EXTRA,
    ZIP64_LOCATOR,
    ZIP64_LOCATOR_SIGNATURE,
)

DEFLATED = 8
SIGNATURE = 4
"""Octets of a record's signature, which the caller has read already."""

_DESCRIBED = 0x0008
_KNOWN_FLAGS = UTF8 | _DESCRIBED | 0x0006
"""APPNOTE 4.4.4: 1 and 2 only tell how hard was tried to deflate. Any other bit is encryption, or means nothing that could be read."""

_UNICODE_PATH_EXTRA = 0x7075
_MAX_VERSION = 45
"""The version that ZIP64 needs; what came later is other compression and encryption."""


class ZipRefused(ArchiveRefused):
    """Its ``code`` is ``not-strict-zip`` where nothing else is said."""

    def __init__(self, sentence: str, *, code: str = "not-strict-zip", path: str = "") -> None:
        super().__init__(sentence, code=code, path=path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a local header and its record in the central directory must say alike.

    ``name`` as it stands there, ``path`` as text, with the closing slash of a directory. ``modified`` is MS-DOS time and date,
    ``mtime`` seconds since 1970 where they are told too. ``wide``: sizes have 64 bits, also behind the octets.
    """

    name: bytes
    path: str = field(compare=False)
    flags: int
    method: int
    modified: int
    checksum: int
    compressed: int
    size: int
    mtime: int | None = field(compare=False)
    wide: bool = field(compare=False)

    @property
    def directory(self) -> bool:
        return self.path.endswith("/")

    @property
    def ambiguous(self) -> bool:
        """Readers take a name that is not marked as UTF-8 for one of whatever code page they think of (APPNOTE appendix D)."""
        return not (self.flags & UTF8 or self.name.isascii())

    @property
    def described(self) -> bool:
        """CRC-32 and sizes stand behind the octets."""
        return bool(self.flags & _DESCRIBED)


def read_local(octets: Octets) -> Header:
    """A local header whose signature was read. Raises ArchiveRefused, OSError as all functions here."""
    facts = LOCAL.unpack(bytes(SIGNATURE) + octets.take(LOCAL.size - SIGNATURE))
    _, version, flags, method, time, date, checksum, compressed, size, name_length, extra_length = facts
    name, extra = octets.take(name_length), octets.take(extra_length)
    path = _path(name)
    extras = _extras(extra, path)
    _check(version, flags, method, extras, name, path)
    zip64 = extras.get(ZIP64_EXTRA)
    if zip64 is not None and len(zip64) != 16:
        raise ZipRefused("Its ZIP64 field does not hold both sizes and nothing else", path=path)
    wide = struct.unpack("<2Q", zip64) if zip64 else (None, None)
    return Header(
        name=name,
        path=path,
        flags=flags,
        method=method,
        modified=date << 16 | time,
        checksum=checksum,
        compressed=_one_size(compressed, wide[1], path),
        size=_one_size(size, wide[0], path),
        mtime=_timestamp(extras),
        wide=zip64 is not None,
    )


def read_central(octets: Octets) -> tuple[Header, int]:
    """A record of the central directory whose signature was read, and where it says that its local header begins."""
    facts = CENTRAL.unpack(bytes(SIGNATURE) + octets.take(CENTRAL.size - SIGNATURE))
    _, _, version, flags, method, time, date, checksum, compressed, size, *lengths, disk, _, attributes, offset = facts
    name, extra, _ = (octets.take(length) for length in lengths)
    path = _path(name)
    extras = _extras(extra, path)
    _check(version, flags, method, extras, name, path)
    _check_kind(attributes, path)
    size, compressed, offset, disk = _widened([size, compressed, offset], disk, extras.get(ZIP64_EXTRA, b""), path)
    if disk:
        raise ZipRefused("It is said to lie on another disk", path=path)
    header = Header(
        name=name,
        path=path,
        flags=flags,
        method=method,
        modified=date << 16 | time,
        checksum=checksum,
        compressed=compressed,
        size=size,
        mtime=_timestamp(extras),
        wide=ZIP64_EXTRA in extras,
    )
    return header, offset


def read_descriptor(octets: Octets, header: Header) -> None:
    """What stands behind the octets of a ``described`` member (APPNOTE 4.3.9), and must be as was found: ``header``."""
    form = "<4sI2Q" if header.wide or max(header.size, header.compressed) > MARK_32 else "<4s3I"
    told = struct.unpack(form, octets.take(struct.calcsize(form)))
    if told != (DESCRIPTOR_SIGNATURE, header.checksum, header.compressed, header.size):
        # Of stored octets none says that it is the last.
        why = "is not as its octets are" if header.method == DEFLATED else "is all that could tell where it ends"
        raise ZipRefused(f"The data descriptor behind it {why}", path=header.path)


def read_end(octets: Octets, signature: bytes, *, count: int, start: int, length: int) -> None:
    """All that stands behind a central directory that has ``count`` records in ``length`` octets from octet ``start`` on."""
    numbers = (count, count, length, start)
    if signature == ZIP64_END_SIGNATURE:
        _check_zip64_end(octets, numbers)
        signature = octets.take(SIGNATURE)
        allowed = tuple({number, mark} for number, mark in zip(numbers, (MARK_16, MARK_16, MARK_32, MARK_32), strict=True))
    else:
        allowed = tuple({number} for number in numbers)
    if signature != END_SIGNATURE:
        raise ZipRefused(f"There is no record of a ZIP at octet {octets.position - SIGNATURE}")
    _, disk, first, *told, comment = END.unpack(signature + octets.take(END.size - SIGNATURE))
    if disk or first or any(number not in fitting for number, fitting in zip(told, allowed, strict=True)):
        raise ZipRefused("The end of the archive is not as its central directory is")
    if END_SIGNATURE in octets.take(comment):
        raise ZipRefused("The archive's comment holds what others would take for its end")
    if any(octets.rest()):
        raise ZipRefused("There are octets after the end of the archive")


def _check_zip64_end(octets: Octets, numbers: tuple[int, ...]) -> None:
    start = octets.position - SIGNATURE
    _, rest, _, _, disk, first, *told = ZIP64_END.unpack(ZIP64_END_SIGNATURE + octets.take(ZIP64_END.size - SIGNATURE))
    if rest != ZIP64_END.size - 12 or disk or first or tuple(told) != numbers:
        raise ZipRefused("The ZIP64 end of the archive is not as its central directory is")
    if ZIP64_LOCATOR.unpack(octets.take(ZIP64_LOCATOR.size)) != (ZIP64_LOCATOR_SIGNATURE, 0, start, 1):
        raise ZipRefused("The locator of the ZIP64 end does not show where it is")


def _path(name: bytes) -> str:
    """UTF-8, as Info-ZIP writes it on Linux without marking it too; what is told of a bag is held against its manifests anyway."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise ZipRefused("A name is not UTF-8") from None


def _extras(octets: bytes, path: str) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while octets:
        if len(octets) < EXTRA.size:
            raise ZipRefused("Its extra fields cannot be read", path=path)
        kind, length = EXTRA.unpack_from(octets)
        content, rest = octets[EXTRA.size : EXTRA.size + length], octets[EXTRA.size + length :]
        if len(content) < length or kind in found:
            raise ZipRefused("Its extra fields are cut short, or the same is there twice", path=path)
        found[kind] = content
        octets = rest
    return found


def _check(version: int, flags: int, method: int, extras: dict[int, bytes], name: bytes, path: str) -> None:
    if flags & ~_KNOWN_FLAGS:
        raise ZipRefused("It is encrypted, or in a form that is not known here", path=path)
    if method not in {STORED, DEFLATED} or version & 0xFF > _MAX_VERSION:
        raise ZipRefused("It is neither stored nor deflated", path=path)
    other = extras.get(_UNICODE_PATH_EXTRA)
    if other is not None and other[5:] != name:
        raise ZipRefused("It has two names", path=path)


def _check_kind(attributes: int, path: str) -> None:
    """Extractors make of a member what its attributes say: a link, a device, a directory that its name does not speak of."""
    kind, is_directory = S_IFMT(attributes >> 16), path.endswith("/")
    if kind not in {0, S_IFDIR if is_directory else S_IFREG} or (attributes & DIRECTORY_ATTRIBUTE and not is_directory):
        raise ZipRefused("It is neither a file nor a directory, or not what its name says", path=path)


def _one_size(told: int, wide: int | None, path: str) -> int:
    """A local header's size, which ZIP64 may say instead, or as well."""
    if wide is None and told != MARK_32:
        return told
    if wide is None or told not in {wide, MARK_32}:
        raise ZipRefused("Its size is told twice, and not alike, or nowhere", path=path)
    return wide


def _widened(numbers: list[int], disk: int, zip64: bytes, path: str) -> Iterator[int]:
    """The numbers of a central record with what ZIP64 says for those, and only those, that do not fit (APPNOTE 4.5.3)."""
    marked = [number == MARK_32 for number in numbers]
    form = f"<{sum(marked)}Q" + ("I" if disk == MARK_16 else "")
    if struct.calcsize(form) != len(zip64):
        raise ZipRefused("Its ZIP64 field is not what its record asks for", path=path)
    wide = iter(struct.unpack(form, zip64))
    yield from (next(wide) if is_marked else number for number, is_marked in zip(numbers, marked, strict=True))
    yield next(wide) if disk == MARK_16 else disk


def _timestamp(extras: dict[int, bytes]) -> int | None:
    content = extras.get(TIMESTAMP_EXTRA, b"")
    return int.from_bytes(content[1:5], "little") if len(content) >= 5 and content[0] & 1 else None
