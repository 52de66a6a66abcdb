"""The datastreams of a Fedora 3 object in which rights are stated, as documents."""

from collections.abc import Callable, Mapping, Sequence

from getapi.core.errors import ContentChanged, ContentMissing, SourceUnavailable
from getapi.core.source import Content, ControlGroup, DatastreamRecord
from getapi.sources.digitalobject import DigitalObject

MAX_STATEMENT = 4 * 2**20
"""Octets of a managed rights statement; a larger one counts as unreadable, and so denies."""


def statement_documents(
    value: DigitalObject, datastreams: Sequence[DatastreamRecord], ids: frozenset[str], read: Callable[[DatastreamRecord], Content]
) -> Mapping[str, bytes | None]:
    """The statements by DSID, whatever their state; None for one that cannot be read, which then denies.

    ``ids`` are case-folded; ``read`` opens a managed datastream.
    """
    inline = {datastream.id: datastream.version.inline for datastream in value.datastreams if datastream.version}
    documents: dict[str, bytes | None] = {}
    for datastream in datastreams:
        if datastream.dsid.casefold() not in ids:
            continue
        content = inline.get(datastream.dsid) if datastream.control_group is ControlGroup.INLINE else None
        documents[datastream.dsid] = content.octets if content else read_statement(datastream, read)
    return documents


def read_statement(datastream: DatastreamRecord, read: Callable[[DatastreamRecord], Content]) -> bytes | None:
    if datastream.control_group is not ControlGroup.MANAGED or datastream.fault or not 0 < (datastream.size or 0) <= MAX_STATEMENT:
        return None
    try:
        with read(datastream) as content:
            octets = b"".join(iter(lambda: content.read(MAX_STATEMENT), b""))
            content.confirm()
    except (ContentMissing, ContentChanged, SourceUnavailable):
        return None
    return octets


def inline_octets(value: DigitalObject, datastream: DatastreamRecord) -> bytes:
    """The inline XML as the object has it now. Raises ContentMissing."""
    for found in value.datastreams:
        if found.id == datastream.dsid and found.version and found.version.inline:
            return found.version.inline.octets
    raise ContentMissing(datastream.pid, datastream.dsid)
