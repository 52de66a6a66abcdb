"""A bag's members as the segments of an archive: TAR and ZIP."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping

from getapi.core import tar
from getapi.core.bag import Member
from getapi.core.segment import Deferred, DeferredKind, Gap, Literal, Segment
from getapi.core.zip import CENTRAL_CHECKSUM, LOCAL_CHECKSUM, central_header, end, local_header


def as_tar(members: Iterable[Member]) -> Iterator[Segment]:
    length = 0
    for member in members:
        for segment in _tar_member(member):
            length += segment.length
            yield segment
    yield Literal(tar.end(length))


def as_zip(members: Iterable[Member]) -> Iterator[Segment]:
    """Local headers and the central directory are forms where a CRC-32 is not known at planning; all else is literal."""
    directory, gaps, count, offset = bytearray(), list[Gap](), 0, 0
    for member in members:
        gaps += _gap(member, len(directory) + CENTRAL_CHECKSUM)
        directory += _central_header(member, offset)
        count += 1
        for segment in _zip_member(member):
            offset += segment.length
            yield segment
    yield Deferred.form(DeferredKind.CENTRAL_DIRECTORY, bytes(directory), tuple(gaps))
    yield Literal(end(count=count, start=offset, length=len(directory)))


def _tar_member(member: Member) -> Iterator[Segment]:
    if member.body is None:
        yield Literal(tar.directory_header(member.path, mtime=member.mtime))
        return
    size = member.body.length
    yield Literal(tar.file_header(member.path, size=size, mtime=member.mtime))
    yield member.body
    yield Literal(tar.padding(size))


def _zip_member(member: Member) -> Iterator[Segment]:
    header = local_header(member.path, size=_size(member), mtime=member.mtime, checksum=_checksum(member), directory=member.body is None)
    gaps = _gap(member, LOCAL_CHECKSUM)
    yield Deferred.form(DeferredKind.LOCAL_HEADER, header, gaps) if gaps else Literal(header)
    if member.body is not None:
        yield member.body


def _central_header(member: Member, offset: int) -> bytes:
    return central_header(
        member.path,
        size=_size(member),
        mtime=member.mtime,
        checksum=_checksum(member),
        offset=offset,
        directory=member.body is None,
    )


def _gap(member: Member, position: int) -> tuple[Gap, ...]:
    return () if member.body is None or isinstance(member.body, Literal) else (Gap(position, member.body),)


def _size(member: Member) -> int:
    return 0 if member.body is None else member.body.length


def _checksum(member: Member) -> int:
    """0 in place of what is not known yet, which is also that of a directory."""
    return zlib.crc32(member.body.data) if isinstance(member.body, Literal) else 0


SERIALIZATIONS: Mapping[str, Callable[[Iterable[Member]], Iterator[Segment]]] = {"tar": as_tar, "zip": as_zip}
"""What turns a bag's members into segments, by the plan's format."""
