"""Opened bytes: of a regular file, or held in memory."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from getapi.core.errors import ContentChanged, ContentMissing, SourceUnavailable
from getapi.core.source import DatastreamRecord
from getapi.core.value import maker, value

# O_NONBLOCK has no effect on a regular file, and keeps a FIFO in its place from blocking the thread for ever.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
"""Error numbers that say that there is no such file, and nothing of the disk."""


def identity(status: os.stat_result) -> str:
    """What changes whenever a file's bytes may have: SIZE-MTIME_NS-INODE."""
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


class Seen(Protocol):
    """A file as it was when it was looked at: ``whole`` is its absolute path, the rest is what its identity is made of."""

    @property
    def whole(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def mtime(self) -> int: ...

    @property
    def inode(self) -> int: ...


@value(frozen=True, slots=True, kw_only=True)
class Witness:
    """A file as it was when something was learned of it (Seen)."""

    whole: str
    size: int
    mtime: int
    inode: int

    @classmethod
    def of(cls, whole: str, known: str) -> "Witness":
        """The witness of a file that had the identity ``known``."""
        size, _, rest = known.partition("-")
        mtime, _, inode = rest.rpartition("-")  # before 1970 it is negative
        return _new_witness(whole=whole, size=int(size), mtime=int(mtime), inode=int(inode))

    def holds(self) -> bool:
        """Whether the file is still the same."""
        return hold((self,))


_new_witness = maker(Witness)


def hold(witnesses: Iterable[Seen]) -> bool:
    """Whether all these files are still the same: it is asked of thousands at once."""
    try:
        for witness in witnesses:
            status = os.lstat(witness.whole)
            if status.st_size != witness.size or status.st_mtime_ns != witness.mtime or status.st_ino != witness.inode:
                return False
    except OSError:
        return False
    return True


def open_regular(path: Path | str) -> int:
    """A descriptor of a regular file. Raises OSError, with ELOOP for a link and EINVAL for any other kind of file."""
    return _open(path)[0]


def _open(path: Path | str) -> tuple[int, os.stat_result]:
    descriptor = os.open(path, _FLAGS)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
    except OSError:
        os.close(descriptor)
        raise
    return descriptor, status


def read_regular(path: Path | str, *, limit: int) -> tuple[os.stat_result, bytes]:
    """What a regular file is now, and its octets: one more than ``limit`` at most. Raises what ``open_regular`` does."""
    descriptor, status = _open(path)
    try:
        wanted = min(limit, status.st_size) + 1
        octets = os.read(descriptor, wanted)
        while len(octets) < min(wanted, status.st_size) and (more := os.read(descriptor, wanted - len(octets))):
            octets += more
    finally:
        os.close(descriptor)
    return status, octets


class FileContent:
    """A managed datastream's file, as it was when it was described.

    A file that is only unlinked, or renamed over, goes on: the descriptor still shows what was planned.
    """

    def __init__(self, path: Path | str, datastream: DatastreamRecord, *, repository: str, start: int = 0) -> None:
        """Raises ContentMissing, ContentChanged (a link, another kind of file, another identity than the record's), SourceUnavailable."""
        self._datastream = datastream
        self._repository = repository
        self._position = start
        try:
            self._descriptor = open_regular(path)
        except OSError as error:
            raise self._failure(error) from error
        try:
            self.size = self._examine().st_size
        except (ContentChanged, SourceUnavailable):
            self.close()
            raise

    def _failure(self, error: OSError) -> ContentMissing | ContentChanged | SourceUnavailable:
        if error.errno in ABSENT:
            return ContentMissing(self._datastream.pid, self._datastream.dsid)
        if error.errno in {errno.ELOOP, errno.EINVAL, errno.ENXIO}:
            return self._changed()
        return SourceUnavailable(self._repository)

    def _changed(self) -> ContentChanged:
        return ContentChanged(self._datastream.pid, self._datastream.dsid)

    def descriptor(self) -> int | None:
        return self._descriptor

    def read(self, count: int) -> bytes:
        """Raises ContentChanged where the file ends before its size, SourceUnavailable where the disk fails."""
        left = self.size - self._position
        if left <= 0 or count <= 0:
            return b""
        try:
            octets = os.pread(self._descriptor, min(count, left), self._position)
        except OSError as error:
            raise SourceUnavailable(self._repository) from error
        if not octets:
            raise self._changed()
        self._position += len(octets)
        return octets

    def confirm(self) -> None:
        self._examine()

    def _examine(self) -> os.stat_result:
        try:
            status = os.fstat(self._descriptor)
        except OSError as error:
            raise SourceUnavailable(self._repository) from error
        if identity(status) != self._datastream.identity:
            raise self._changed()
        return status

    def close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class OpenedFile(FileContent):
    """A file of this process's own that is open already and has no name; it is as it is now."""

    def __init__(self, descriptor: int, datastream: DatastreamRecord, *, repository: str, start: int = 0) -> None:
        """``descriptor`` is closed with it."""
        status = os.fstat(descriptor)
        self._datastream = replace(datastream, identity=identity(status))
        self._repository = repository
        self._position = start
        self._descriptor = descriptor
        self.size = status.st_size


class BytesContent:
    """Bytes that are held in memory; their identity is ``sha256:`` and hex."""

    def __init__(self, octets: bytes, datastream: DatastreamRecord, *, start: int = 0) -> None:
        """Raises ContentChanged unless the octets have the record's identity."""
        if f"sha256:{hashlib.sha256(octets).hexdigest()}" != datastream.identity:
            raise ContentChanged(datastream.pid, datastream.dsid)
        self._octets = octets
        self._position = start
        self.size = len(octets)

    def descriptor(self) -> int | None:
        return None

    def read(self, count: int) -> bytes:
        octets = self._octets[self._position : self._position + max(count, 0)]
        self._position += len(octets)
        return octets

    def confirm(self) -> None:
        """Held bytes cannot change."""

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
