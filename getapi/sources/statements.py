"""The datastreams of a Fedora 3 object in which rights are stated, as documents."""

from collections.abc import Callable, Mapping, Sequence

from getapi.core.errors import ContentChanged, ContentMissing, SourceUnavailable
from getapi.core.rights import are_silent_relations
from getapi.core.source import INLINE, MANAGED, Content, DatastreamRecord
from getapi.sources.digitalobject import DigitalObject
from getapi.sources.inlinexml import InlineXml

MAX_STATEMENT = 4 * 2**20
"""Octets of a managed rights statement; a larger one counts as unreadable, and so denies."""


def statement_documents(
    value: DigitalObject,
    datastreams: Sequence[DatastreamRecord],
    ids: frozenset[str],
    read: Callable[[DatastreamRecord], Content],
    *,
    relations: frozenset[str] = frozenset(),
) -> Mapping[str, bytes | None]:
    """The statements by DSID, whatever their state; None for one that cannot be read, which then denies.

    ``ids`` are case-folded; ``read`` opens a managed datastream. Of ``relations`` (``relation_ids``) those that certainly state nothing,
    as most do, are left out.
    """
    documents: dict[str, bytes | None] = {}
    for datastream in datastreams:
        folded = datastream.dsid.casefold()
        if folded not in ids:
            continue
        inline = _find_inline(value, datastream.dsid) if datastream.control_group is INLINE else None
        if inline is None:
            documents[datastream.dsid] = read_statement(datastream, read)
        elif folded not in relations or not (inline.plain and are_silent_relations(inline.octets)):
            documents[datastream.dsid] = inline.octets
    return documents


def _find_inline(value: DigitalObject, dsid: str) -> InlineXml | None:
    for found in value.datastreams:
        if found.id == dsid:
            return found.inline
    return None


def read_statement(datastream: DatastreamRecord, read: Callable[[DatastreamRecord], Content]) -> bytes | None:
    if datastream.control_group is not MANAGED or datastream.fault or not 0 < (datastream.size or 0) <= MAX_STATEMENT:
        return None
    try:
        with read(datastream) as content:
            octets = b"".join(iter(lambda: content.read(MAX_STATEMENT), b""))
            content.confirm()
    except (ContentMissing, ContentChanged, SourceUnavailable):
        return None
    return octets


def inline_octets(inline: Mapping[str, bytes], datastream: DatastreamRecord) -> bytes:
    """The inline XML among an object's (``DigitalObject.inline``), as it is now. Raises ContentMissing."""
    octets = inline.get(datastream.dsid)
    if octets is None:
        raise ContentMissing(datastream.pid, datastream.dsid)
    return octets
