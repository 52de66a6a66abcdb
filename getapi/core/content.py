"""What planning reads of a datastream: all of a document that is to be parsed, or what its source did not say of it."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from getapi.core.errors import SizeUnknown, XmlRefused
from getapi.core.source import INLINE, Content, DatastreamRecord, Digest, Marked, Source
from getapi.core.xml import MAX_OCTETS

_BLOCK = 2**20


def read_content(source: Source, datastream: DatastreamRecord) -> bytes:
    """All bytes of a datastream that is to be parsed.

    Raises XmlRefused for one that is larger than XML is read, else what ``Source.open`` and ``Content.read`` raise.
    """
    with source.open(datastream) as content:
        if (content.size or 0) > MAX_OCTETS:
            raise _too_large()
        octets = bytearray()
        for block in _blocks(content):
            octets += block
            if len(octets) > MAX_OCTETS:  # of one whose size is told, not before its end
                raise _too_large()
        return bytes(octets)


def _too_large() -> XmlRefused:
    return XmlRefused(f"it is larger than {MAX_OCTETS} octets")


class Gauge(Protocol):
    """What is known, or done, of datastreams whose source cannot say how many octets they have."""

    def recall(self, repository: str, datastream: DatastreamRecord) -> DatastreamRecord | None:
        """The record with its size, where it is known from before; asked before the datastream is opened."""

    def settle(self, repository: str, datastream: DatastreamRecord) -> DatastreamRecord:
        """The record of one that was opened and did not tell. Raises SizeUnknown."""


class Unknowing:
    """Knows nothing of any (Gauge)."""

    def recall(self, repository: str, datastream: DatastreamRecord) -> DatastreamRecord | None:  # noqa: ARG002 # a protocol's names
        return None

    def settle(self, repository: str, datastream: DatastreamRecord) -> DatastreamRecord:  # noqa: ARG002 # likewise
        raise SizeUnknown(datastream.pid, datastream.dsid)


def is_complete(datastream: DatastreamRecord, algorithm: str) -> bool:
    """Whether ``complete`` has nothing to find out."""
    if datastream.size is None:
        return False
    return datastream.control_group is not INLINE or datastream.digest(algorithm) is not None


def complete(datastream: DatastreamRecord, source: Source, algorithm: str, gauge: Gauge | None = None) -> DatastreamRecord:
    """The record with its size, and for inline XML with its digest in ``algorithm``; opens the datastream only where one is unknown.
    Of one whose source knows no identity what its server says of its version is taken for it.

    Where its source cannot say the size ``gauge`` is asked; without one that is SizeUnknown. Raises what ``Source.open``,
    ``Content.read`` and ``Gauge.settle`` raise.
    """
    if is_complete(datastream, algorithm):
        return datastream
    unhashed = datastream.control_group is INLINE and datastream.digest(algorithm) is None
    gauge = gauge or Unknowing()
    known = gauge.recall(source.name, datastream) if datastream.size is None else None
    if known is not None:
        return known
    if datastream.unsized:
        return gauge.settle(source.name, datastream)
    with source.open(datastream) as content:
        if not unhashed and content.size is not None:
            told = content.mark if isinstance(content, Marked) else ""
            return replace(datastream, size=content.size, identity=datastream.identity or told)
        if not unhashed:
            content.close()  # what is done about it may open it once more
            return gauge.settle(source.name, datastream)
        digest = hashlib.new(algorithm)
        for block in _blocks(content):
            digest.update(block)
    return replace(datastream, digests=(*datastream.digests, Digest(algorithm=algorithm, value=digest.hexdigest())))


def _blocks(content: Content) -> Iterator[bytes]:
    while block := content.read(_BLOCK):
        yield block
    content.confirm()
