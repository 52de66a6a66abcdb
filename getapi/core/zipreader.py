"""A strict reader of ZIP streams: stored or deflated members, ZIP64; nothing that could mislead an extractor.

It goes from the first octet to the last and seeks nothing, so that no octet is left that nobody looked at: each local header lies where
the one before it ends, and the central directory, by which most programs extract, must say the same of each. What two readers could
understand differently is refused, not repaired.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import fields, replace

from getapi.core.archive import CHUNK, ArchiveMember, BinaryReader, MemberDamaged, Octets, is_safe
from getapi.core.zip import CENTRAL_SIGNATURE, END_SIGNATURE, LOCAL_SIGNATURE, ZIP64_END_SIGNATURE
from getapi.core.ziprecords import DEFLATED, SIGNATURE, Header, ZipRefused, read_central, read_descriptor, read_end, read_local


class ZipReader:
    """The members of a stream in their order; ``skip`` (octets forward), where given, passes over content that nobody reads.

    Each member's header is kept until the central directory was read: who iterates counts members and the characters of their paths.
    """

    def __init__(self, stream: BinaryReader, *, skip: Callable[[int], object] | None = None) -> None:
        self._octets = Octets(stream, skip=skip)
        self._headers: dict[int, Header] = {}
        self._content: Iterator[bytes] = iter(())

    @property
    def position(self) -> int:
        """Octets of the stream so far."""
        return self._octets.position

    def __iter__(self) -> Iterator[ArchiveMember]:
        """Raises ArchiveRefused at the first octet that is not as it should be; OSError as the stream does."""
        while (signature := self._octets.take(SIGNATURE)) == LOCAL_SIGNATURE:
            offset = self.position - SIGNATURE
            header = read_local(self._octets)
            start = self.position
            self._headers[offset] = header
            self._content = self._read(header, offset)
            yield _member(header)
            self._finish(header, start)
        self._read_directory(signature)

    def content(self) -> Iterator[bytes]:
        """The octets of the member that was given last, in pieces, once. Raises as ``__iter__``, and MemberDamaged after the last piece."""
        return self._content

    def _finish(self, header: Header, start: int) -> None:
        if self._octets.can_skip and not header.described:
            self._octets.pass_over(start + header.compressed - self.position)
            self._content = iter(())
        for _ in self._content:
            pass

    def _read(self, header: Header, offset: int) -> Iterator[bytes]:
        checksum = size = 0
        start = self.position
        for piece in self._inflated(header) if header.method == DEFLATED else self._stored(header):
            checksum, size = zlib.crc32(piece, checksum), size + len(piece)
            if size > header.size and not header.described:
                break
            yield piece
        found = replace(header, checksum=checksum, compressed=self.position - start, size=size)
        if header.described:
            self._check_descriptor(header, found)
            self._headers[offset] = found
        elif size != header.size:
            raise ZipRefused("It is not as long as its header says", path=header.path)
        elif checksum != header.checksum:
            raise MemberDamaged("Its CRC-32 is not the one in its header", code="checksum", path=header.path)

    def _stored(self, header: Header) -> Iterator[bytes]:
        left = header.compressed
        while left:
            piece = self._octets.read(min(left, CHUNK))
            left -= len(piece)
            yield piece

    def _inflated(self, header: Header) -> Iterator[bytes]:
        """At most CHUNK octets a piece, whatever they were made of."""
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        left = 2**64 if header.described else header.compressed
        pending = b""
        while not inflater.eof:
            if not pending and left:
                pending = self._octets.read(min(left, CHUNK))
                left -= len(pending)
            try:
                piece = inflater.decompress(pending, CHUNK)
            except zlib.error:
                raise ZipRefused("Its deflated octets cannot be read", path=header.path) from None
            if not (piece or pending):
                break
            pending = inflater.unconsumed_tail
            yield piece
        if header.described:
            self._octets.give_back(inflater.unused_data)
        elif inflater.unused_data or left or not inflater.eof:
            raise ZipRefused("Its deflated octets do not end where its header says", path=header.path)

    def _check_descriptor(self, header: Header, found: Header) -> None:
        read_descriptor(self._octets, found)
        told = ((header.checksum, found.checksum), (header.compressed, found.compressed), (header.size, found.size))
        if any(number not in {0, real} for number, real in told):
            raise ZipRefused("Its header says otherwise than the data descriptor behind it", path=header.path)
        _check_directory(found)

    def _read_directory(self, signature: bytes) -> None:
        count, start = len(self._headers), self.position - SIGNATURE
        while signature == CENTRAL_SIGNATURE:
            self._compare(*read_central(self._octets))
            signature = self._octets.take(SIGNATURE)
        if self._headers and signature in {END_SIGNATURE, ZIP64_END_SIGNATURE}:
            raise ZipRefused("It is not in the central directory", path=next(iter(self._headers.values())).path)
        read_end(self._octets, signature, count=count, start=start, length=self.position - SIGNATURE - start)

    def _compare(self, told: Header, offset: int) -> None:
        header = self._headers.pop(offset, None)
        if header is None:
            raise ZipRefused("The central directory shows where it does not begin", path=told.path)
        for fact in fields(Header):
            if fact.compare and getattr(header, fact.name) != getattr(told, fact.name):
                raise ZipRefused(f"Its header and the central directory do not agree about its {fact.name}", path=header.path)
        if None not in {header.mtime, told.mtime} and header.mtime != told.mtime:
            raise ZipRefused("Its header and the central directory do not agree about its time", path=header.path)


def _member(header: Header) -> ArchiveMember:
    path = header.path.removesuffix("/")
    if not is_safe(path):
        raise ZipRefused("Its path could lead out of the directory where it is unpacked", code="unsafe-path", path=path)
    _check_directory(header)
    size = None if header.described else header.size
    return ArchiveMember(path=path, directory=header.directory, size=size, ambiguous=header.ambiguous)


def _check_directory(header: Header) -> None:
    if header.directory and header.size:
        raise ZipRefused("It is a directory with content", path=header.path)
