"""One object's rights statements together: which datastreams hold them, and what they say."""

from collections.abc import Iterator, Mapping, Sequence

from lxml import etree

from getapi.core.errors import XmlRefused
from getapi.core.restriction import Ground, Restriction
from getapi.core.rights.hydra import read_rights
from getapi.core.rights.islandora import read_relations
from getapi.core.rights.rules import EmbargoRule
from getapi.core.rights.xacml import read_policy
from getapi.core.source import DatastreamRecord
from getapi.core.xml import parse

MAX_OCTETS = 4 * 2**20
"""A rights statement that is larger is not read, and so closes its object."""

_RELATIONS = frozenset({"rels-ext", "rels-int"})
_POLICIES = frozenset({"policy", "feslpolicy"})
_RIGHTS = frozenset({"rightsmetadata"})
_KNOWN = _RELATIONS | _POLICIES | _RIGHTS


def statement_ids(rules: Sequence[EmbargoRule]) -> frozenset[str]:
    """The DSIDs, case-folded, whose content ``read_statements`` must be given where an object has them."""
    return _KNOWN | {rule.datastream.casefold() for rule in rules}


def relation_ids(rules: Sequence[EmbargoRule]) -> frozenset[str]:
    """The DSIDs, case-folded, that ``read_statements`` need not be given where ``are_silent_relations``: no rule reads them otherwise."""
    return _RELATIONS - {rule.datastream.casefold() for rule in rules}


def read_statements(
    *,
    pid: str,
    datastreams: Sequence[DatastreamRecord],
    documents: Mapping[str, bytes | None],
    rules: Sequence[EmbargoRule] = (),
) -> tuple[Restriction, ...]:
    """All restrictions that an object's statements make, each once.

    ``documents`` are by DSID as spelled in the object; None is one that is there and cannot be read. A statement counts whatever the
    state of its datastream, for who deletes it need not have meant to open the object; one that cannot be read, or is not safe
    well-formed XML, closes the whole object. A document that holds no statement is ignored. Raises nothing.
    """
    if not documents:
        return ()
    found = (restriction for dsid, document in documents.items() for restriction in _read(pid, datastreams, dsid, document, rules))
    return tuple(dict.fromkeys(found))


def _read(
    pid: str, datastreams: Sequence[DatastreamRecord], dsid: str, document: bytes | None, rules: Sequence[EmbargoRule]
) -> Iterator[Restriction]:
    folded = dsid.casefold()
    if folded not in _KNOWN and not any(rule.datastream.casefold() == folded for rule in rules):
        return
    try:
        root = _parse(document)
    except XmlRefused:
        yield Restriction(ground=Ground.UNREADABLE)
        return
    yield from _read_known(root, pid, datastreams, folded)
    for rule in rules:
        if rule.datastream.casefold() == folded:
            yield from rule.read(root, datastreams)


def _read_known(root: etree._Element, pid: str, datastreams: Sequence[DatastreamRecord], dsid: str) -> tuple[Restriction, ...]:
    if dsid in _RELATIONS:
        return read_relations(root, pid)
    if dsid in _POLICIES:
        return read_policy(root, pid, datastreams)
    return read_rights(root) if dsid in _RIGHTS else ()


def _parse(document: bytes | None) -> etree._Element:
    if document is None:
        raise XmlRefused("it cannot be had")
    return parse(document, max_octets=MAX_OCTETS)
