"""A datastream whose size nobody knows, read to its end into the stage: how large it is shows then, and what its digests are."""

import hashlib
import zlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace

from getapi import conf
from getapi.core.errors import ContentChanged, FixityMismatch, SourceUnavailable, TooManyBytes
from getapi.core.plan import staged_identity
from getapi.core.source import DatastreamRecord, Digest, Source
from getapi.services.draft import Draft
from getapi.services.supply import Supply

BLOCK = 256 << 10
"""Octets that are asked of a source at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What a datastream was when it was read: ``digests`` are hex by algorithm, SHA-256 always among them."""

    size: int
    digests: Mapping[str, str]
    crc32: int


def read_through(
    datastream: DatastreamRecord,
    supply: Supply[bytes],
    *,
    algorithm: str,
    most: int,
    look: Callable[[int], None],
    write: Callable[[bytes], object],
) -> Intake:
    """Reads all of the datastream and hands it to ``write``, block by block; ``look`` is told the octets so far and may raise.

    ``supply`` is ``begin``'s, ``algorithm`` the package's, ``most`` the octets that it may hold at all. Raises FixityMismatch where a
    declared digest is another, TooManyBytes, SourceUnavailable also where nothing comes for ``timeouts.stall``, and what ``Source.open``,
    ``Content.read``, ``look`` and ``write`` raise.
    """
    names = {"sha256", algorithm, *(digest.algorithm for digest in datastream.digests)}
    hashes, crc32, size = {name: hashlib.new(name, usedforsecurity=False) for name in sorted(names)}, 0, 0

    def report() -> None:
        look(size)

    for block in supply.items(report):
        size += len(block)
        if size > most:
            raise TooManyBytes(limit=most, count=size)
        for running in hashes.values():
            running.update(block)
        crc32 = zlib.crc32(block, crc32)
        write(block)
    digests = {name: running.hexdigest() for name, running in hashes.items()}
    _compare(datastream, digests, size)
    return Intake(size=size, digests=digests, crc32=crc32)


def begin(source: Source, datastream: DatastreamRecord) -> Supply[bytes]:
    """Its blocks, of which the first ones come before they are asked for. Must be closed."""
    patience = conf.current().timeouts.stall
    return Supply(lambda: _blocks(source, datastream), patience=patience, stalled=lambda: SourceUnavailable(source.name))


def _blocks(source: Source, datastream: DatastreamRecord) -> Generator[bytes, None, None]:
    with source.open(datastream) as content:
        while block := content.read(BLOCK):
            yield block
        content.confirm()


def take_in(
    package_id: str,
    repository: str,
    datastream: DatastreamRecord,
    supply: Supply[bytes],
    *,
    algorithm: str,
    most: int,
    look: Callable[[int], None],
) -> None:
    """Puts all of the datastream into the package's stage, as ``read_through`` reads it. Raises what that does, StageTooSmall, StageBusy,
    StageUnusable, PreparationStopped."""
    with Draft(package_id, repository, datastream) as draft:
        found = read_through(datastream, supply, algorithm=algorithm, most=most, look=look, write=draft.write)
        draft.keep(digests=found.digests, crc32=found.crc32)


def _compare(datastream: DatastreamRecord, digests: Mapping[str, str], size: int) -> None:
    if datastream.size not in {None, size}:
        raise ContentChanged(datastream.pid, datastream.dsid)
    for declared in datastream.digests:
        if digests[declared.algorithm] != declared.value:
            raise FixityMismatch(datastream.pid, datastream.dsid, declared.algorithm)


def as_record(datastream: DatastreamRecord, size: int, digests: Mapping[str, str], algorithm: str) -> DatastreamRecord:
    """The record as planning wants it: size, an identity that stands for the very bytes, the manifest's digest. It is a file's now."""
    known = datastream.digests
    if datastream.digest(algorithm) is None:
        known = (*known, Digest(algorithm=algorithm, value=digests[algorithm]))
    return replace(
        datastream, size=size, digests=known, identity=staged_identity(digests["sha256"], datastream.identity), remote=False, unsized=False
    )
