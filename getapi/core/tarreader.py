"""A strict reader of TAR streams: POSIX ustar with pax ``path`` and ``size``, and base-256 sizes; nothing that could mislead an extractor.

What two readers could understand differently is refused, not repaired: an offset that depends on which of two sizes is believed, a path
that leaves its directory (also one that only readers without pax see), octets where there should be zeros.
"""

import re
from collections.abc import Callable, Iterator

from getapi.core.archive import CHUNK, ArchiveMember, ArchiveRefused, BinaryReader, Octets, is_safe
from getapi.core.tar import BLOCK, RECORD

MAX_PAX = 2**16
"""Octets of one pax extended header: room for any path that a file system takes."""

_OCTAL = re.compile(rb" *([0-7]+)[ \0]*")
_CHECKSUM = re.compile(rb"[0-7]{6}\0 ")
_PAX_RECORD = re.compile(rb"([1-9][0-9]{0,5}) ([^=\n]+)=")
_HARMLESS_PAX = {"mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"}
_KINDS = {
    b"1": "a hard link", b"2": "a symbolic link", b"3": "a character device", b"4": "a block device", b"6": "a pipe",
    b"g": "a global pax header", b"L": "a GNU long name", b"K": "a GNU long link", b"S": "a GNU sparse file",
}  # fmt: skip


class TarRefused(ArchiveRefused):
    """Its ``code`` is ``not-strict-tar`` where nothing else is said."""

    def __init__(self, sentence: str, *, code: str = "not-strict-tar", path: str = "") -> None:
        super().__init__(sentence, code=code, path=path)


class TarReader:
    """The members of a stream in their order; ``skip`` (octets forward), where given, passes over content that nobody reads."""

    def __init__(self, stream: BinaryReader, *, skip: Callable[[int], object] | None = None) -> None:
        self._octets = Octets(stream, skip=skip)
        self._unread = 0

    @property
    def position(self) -> int:
        """Octets of the stream so far."""
        return self._octets.position

    def __iter__(self) -> Iterator[ArchiveMember]:
        """Raises ArchiveRefused at the first octet that is not as it should be; OSError as the stream does."""
        while (block := self._octets.take(BLOCK)) != bytes(BLOCK):
            if self.position == BLOCK:
                _recognize(block)
            pax = {}
            if block[156:157] == b"x":
                _check(block)
                pax = self._read_pax(_size(block))
                block = self._octets.take(BLOCK)
            member = _member(block, pax)
            self._unread = size = member.size or 0
            yield member
            self._octets.pass_over(self._unread)
            self._unread = 0
            self._zeros(-size % BLOCK, f"The padding after {member.path}")
        self._read_end()

    def content(self) -> Iterator[bytes]:
        """The octets of the member that was given last, in pieces, once."""
        while self._unread:
            piece = self._octets.read(min(self._unread, CHUNK))
            self._unread -= len(piece)
            yield piece

    def _read_pax(self, size: int) -> dict[str, str]:
        if size > MAX_PAX:
            raise TarRefused(f"A pax header is longer than {MAX_PAX} octets")
        records = self._octets.take(size)
        self._zeros(-size % BLOCK, "The padding of a pax header")
        return _pax(records)

    def _read_end(self) -> None:
        self._zeros(BLOCK, "The second closing block")
        for piece in self._octets.rest():
            if piece.strip(b"\0"):
                raise TarRefused("There are octets other than zero after the end of the archive")
        if self.position % RECORD:
            raise TarRefused(f"The archive does not end with a whole record of {RECORD} octets", code="truncated")

    def _zeros(self, count: int, what: str) -> None:
        if self._octets.take(count).strip(b"\0"):
            raise TarRefused(f"{what} is not zero")


def _recognize(block: bytes) -> None:
    """What has neither a TAR's mark where it begins nor its checksum is no damaged archive, but none."""
    if block[257:262] != b"ustar" and not _sums_up(block):
        raise TarRefused("It begins neither as a TAR nor as a ZIP archive does: it may be compressed, or another file", code="no-archive")


def _check(block: bytes) -> None:
    if not _sums_up(block):
        raise TarRefused("A header's checksum is wrong")
    if block[257:265] != b"ustar\x0000":
        raise TarRefused("A header is not POSIX ustar")


def _sums_up(block: bytes) -> bool:
    checksum = block[148:156]
    return bool(_CHECKSUM.fullmatch(checksum)) and int(checksum[:6], 8) == sum(block) - sum(checksum) + 8 * 0x20


def _member(block: bytes, pax: dict[str, str]) -> ArchiveMember:
    _check(block)
    kind = block[156:157]
    directory = kind == b"5"
    own = _name(block)
    given = pax.get("path") or _decoded(own)
    if kind not in b"0\x005":
        raise TarRefused(f"It is {_KINDS.get(kind, 'of an unknown kind')}, neither a file nor a directory", path=given)
    path = given.removesuffix("/") if directory else given
    size = _size(block)
    if pax.get("size", str(size)) != str(size):
        raise TarRefused("Its pax header and its ustar header disagree about its size", path=path)
    if directory and size:
        raise TarRefused("It is a directory with content", path=path)
    if not (is_safe(path) and is_safe(own.decode("utf-8", "replace").rstrip("/"))):
        raise TarRefused("Its path could lead out of the directory where it is unpacked", code="unsafe-path", path=path)
    return ArchiveMember(path=path, directory=directory, size=size)


def _size(block: bytes) -> int:
    field = block[124:136]
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    match = _OCTAL.fullmatch(field)
    if match is None:
        raise TarRefused("A size cannot be read")
    return int(match[1], 8)


def _name(block: bytes) -> bytes:
    """As ustar says it; beside a pax path it may be cut short."""
    prefix, name = (field.rstrip(b"\0") for field in (block[345:500], block[:100]))
    if b"\0" in prefix + name:
        raise TarRefused("A name goes on after its end")
    return prefix + b"/" + name if prefix else name


def _decoded(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise TarRefused("A name is not UTF-8") from None


def _pax(records: bytes) -> dict[str, str]:
    """Raises TarRefused for keywords that are repeated, or change what a member is in ways not read here."""
    found: dict[str, str] = {}
    while records:
        match = _PAX_RECORD.match(records)
        length = int(match[1]) if match else 0
        if match is None or records[length - 1 : length] != b"\n":
            raise TarRefused("A pax header cannot be read")
        keyword = _decoded(match[2])
        if keyword in found or keyword not in _HARMLESS_PAX | {"path", "size"}:
            raise TarRefused("A pax header holds what is not read here, or the same twice")
        found[keyword] = _decoded(records[match.end() : length - 1])
        records = records[length:]
    return found
