"""One datastream read whole: all its checksums in one pass, held against those that it must have."""

import hashlib
import os
import threading
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache

from getapi.core.errors import ContentChanged
from getapi.core.ledger import Examination
from getapi.core.plan import Entry
from getapi.core.source import Content, DatastreamRecord, Digest
from getapi.transport.disk import disk

BLOCK = 256 << 10
"""Octets that are read at once: they are still in the processor's cache when they are hashed."""

Opener = Callable[[], Content]

Reading = Generator[int, None, Examination]
"""Gives the octets of each block that was read, and at its end what they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What a reading computes, and what must come out of it.

    ``learn`` names algorithms as hashlib does; ``expected`` are the digests, by algorithm, that the bytes must have. ``checksum`` says
    whether their CRC-32 is wanted as well. ``part``: the octets from the first to the second (not included) are hashed by themselves too:
    somebody was sent them from a server, and wants to know whether they were those.
    """

    learn: frozenset[str] = frozenset()
    expected: Mapping[str, str] = field(default_factory=dict)
    checksum: bool = True
    part: tuple[int, int] | None = None

    def cover(self, other: "Checks") -> bool:
        """Whether who wants ``other`` is served by this."""
        said = {*self.learn, *self.expected}
        is_summed = (self.checksum or not other.checksum) and other.part in {None, self.part}
        return other.learn <= said and other.expected.items() <= self.expected.items() and is_summed


class PartHash:
    """SHA-256 of the octets from the first to the second (not included) of those that pass; "" where no part is wanted."""

    def __init__(self, part: tuple[int, int] | None) -> None:
        self._part = part
        self._hash = hashlib.sha256() if part else None
        self._position = 0

    def update(self, block: bytes | memoryview) -> None:
        if self._part is not None and self._hash is not None:
            first, stop = (max(0, edge - self._position) for edge in self._part)
            self._hash.update(block[first:stop])
            self._position += len(block)

    @property
    def value(self) -> str:
        return "" if self._hash is None else self._hash.hexdigest()


def by_algorithm(digests: Iterable[Digest]) -> dict[str, str]:
    """What is declared of bytes, as hex."""
    return {digest.algorithm: digest.value for digest in digests}


def checks_of(entry: Entry, algorithm: str | None, *, checksum: bool, part: tuple[int, int] | None = None) -> Checks:
    """What is declared of an entry must be so, and what a plan says of it in ``algorithm``, the package's, which is learned else."""
    return _checks(entry.declared, entry.digest, algorithm, checksum=checksum, part=part)


@lru_cache(maxsize=1024)  # a thousand slow readers hold some readings each, mostly of the same datastreams
def _checks(
    declared: tuple[Digest, ...], digest: str | None, algorithm: str | None, *, checksum: bool, part: tuple[int, int] | None
) -> Checks:
    expected = by_algorithm(declared)
    if algorithm is None:
        return Checks(expected=expected, checksum=checksum, part=part)
    if digest is not None:
        expected.setdefault(algorithm, digest)
    return Checks(learn=frozenset({algorithm}), expected=expected, checksum=checksum, part=part)


def utc() -> datetime:
    return datetime.now(UTC)


def examine(opener: Opener, datastream: DatastreamRecord, checks: Checks, *, repository: str, now: Callable[[], datetime] = utc) -> Reading:
    """Reads a datastream, and once more from the disk itself where a digest is not the expected one: what then is right, is right.

    Raises ContentMissing, ContentChanged, SourceUnavailable.
    """
    with disk(repository):
        first = yield from _read(opener, datastream, checks, now)
        if not first.mismatch:
            return first
        second = yield from _read(opener, datastream, checks, now, uncached=True)
        return replace(second, wavered=not second.mismatch)


def _read(opener: Opener, datastream: DatastreamRecord, checks: Checks, now: Callable[[], datetime], *, uncached: bool = False) -> Reading:
    """``uncached`` lets go of what the kernel remembers of the file before."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in checks.learn | set(checks.expected)}
    checksum, size, began, part = 0, 0, now(), PartHash(checks.part)
    with opener() as content:
        if uncached:
            _forget(content)
        for block in _blocks(content):
            for running in hashes.values():
                running.update(block)
            if checks.checksum:
                checksum = zlib.crc32(block, checksum)
            part.update(block)
            size += len(block)
            yield len(block)
        content.confirm()
    if size != content.size:
        raise ContentChanged(datastream.pid, datastream.dsid)
    digests = {name: running.hexdigest() for name, running in hashes.items()}
    seen = Examination(
        identity=datastream.identity,
        size=size,
        digests=digests,
        crc32=checksum if checks.checksum else None,
        verified=began,
        part=part.value,
    )
    return replace(seen, mismatch=_differing(digests, checks.expected))


def _blocks(content: Content) -> Iterator[bytes | memoryview]:
    """A file is read into one buffer of each thread again and again: half a gigabyte of new ones each second has its price."""
    descriptor = content.descriptor()
    if descriptor is None:
        yield from iter(lambda: content.read(BLOCK), b"")
        return
    position = 0
    while count := os.preadv(descriptor, [_own.buffer], position):
        yield _own.buffer[:count]
        position += count


class _Own(threading.local):
    """What each thread that reads has for itself; a reading may go on in another one after each block."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(BLOCK))


_own = _Own()


def _differing(digests: Mapping[str, str], expected: Mapping[str, str]) -> str:
    return next((algorithm for algorithm, value in expected.items() if digests[algorithm] != value), "")


def _forget(content: Content) -> None:
    descriptor = content.descriptor()
    if descriptor is not None and hasattr(os, "posix_fadvise"):  # not on macOS
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
