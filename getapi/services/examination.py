"""One datastream read whole: all its checksums in one pass, held against those that it must have."""

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from django.utils import timezone

from getapi.core.errors import ContentChanged
from getapi.core.ledger import Examination
from getapi.core.source import Content, DatastreamRecord, Source

BLOCK = 1 << 20
"""Octets that are read at once."""

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """``learn`` names algorithms as hashlib does; ``expected`` are the digests, by algorithm, that the bytes must have."""

    learn: frozenset[str] = frozenset()
    expected: Mapping[str, str]


def declared(datastream: DatastreamRecord) -> dict[str, str]:
    """What the repository says of the bytes: hex by algorithm."""
    return {digest.algorithm: digest.value for digest in datastream.digests}


def examine(source: Source, datastream: DatastreamRecord, checks: Checks, *, progress: Progress = lambda _: None) -> Examination:
    """Reads a datastream, and once more from the disk itself where a digest is not the expected one: what then is right, is right.

    ``progress`` is told the octets of each read. Raises ContentMissing, ContentChanged, SourceUnavailable.
    """
    first = examine_once(source, datastream, checks, progress=progress)
    return examine_once(source, datastream, checks, progress=progress, uncached=True) if first.mismatch else first


def examine_once(
    source: Source, datastream: DatastreamRecord, checks: Checks, *, progress: Progress = lambda _: None, uncached: bool = False
) -> Examination:
    """As ``examine``, one reading alone; ``uncached`` lets go of what the kernel remembers of the file before."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in checks.learn | set(checks.expected)}
    crc32, size, began = 0, 0, timezone.now()
    with source.open(datastream) as content:
        if uncached:
            _forget(content)
        while block := content.read(BLOCK):
            for running in hashes.values():
                running.update(block)
            crc32 = zlib.crc32(block, crc32)
            size += len(block)
            progress(len(block))
        content.confirm()
    if size != content.size:
        raise ContentChanged(datastream.pid, datastream.dsid)
    digests = {name: running.hexdigest() for name, running in hashes.items()}
    seen = Examination(identity=datastream.identity, size=size, digests=digests, crc32=crc32, verified=began)
    return replace(seen, mismatch=_differing(digests, checks.expected.items()))


def _differing(digests: Mapping[str, str], expected: Iterable[tuple[str, str]]) -> str:
    return next((algorithm for algorithm, value in expected if digests[algorithm] != value), "")


def _forget(content: Content) -> None:
    descriptor = content.descriptor()
    if descriptor is not None and hasattr(os, "posix_fadvise"):  # not on macOS
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
