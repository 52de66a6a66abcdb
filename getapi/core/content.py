"""What planning reads of a datastream: all of a document that is to be parsed, or what its source did not say of it."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from getapi.core.errors import XmlRefused
from getapi.core.source import Content, ControlGroup, DatastreamRecord, Digest, Source
from getapi.core.xml import MAX_OCTETS

_BLOCK = 2**20


def read_content(source: Source, datastream: DatastreamRecord) -> bytes:
    """All bytes of a datastream that is to be parsed.

    Raises XmlRefused for one that is larger than XML is read, else what ``Source.open`` and ``Content.read`` raise.
    """
    with source.open(datastream) as content:
        if content.size > MAX_OCTETS:
            raise XmlRefused(f"it is larger than {MAX_OCTETS} octets")
        return b"".join(_blocks(content))


def complete(datastream: DatastreamRecord, source: Source, algorithm: str) -> DatastreamRecord:
    """The record with its size, and for inline XML with its digest in ``algorithm``; opens the datastream only where one is unknown.

    Raises what ``Source.open`` and ``Content.read`` raise.
    """
    unhashed = datastream.control_group is ControlGroup.INLINE and datastream.digest(algorithm) is None
    if datastream.size is not None and not unhashed:
        return datastream
    with source.open(datastream) as content:
        if not unhashed:
            return replace(datastream, size=content.size)
        digest = hashlib.new(algorithm)
        for block in _blocks(content):
            digest.update(block)
    return replace(datastream, digests=(*datastream.digests, Digest(algorithm=algorithm, value=digest.hexdigest())))


def _blocks(content: Content) -> Iterator[bytes]:
    while block := content.read(_BLOCK):
        yield block
    content.confirm()
