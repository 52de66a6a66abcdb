"""The structural maps that lay a package out: which, read from where, and what is said of those that cannot be used (SPEC 3, 5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from getapi.core.access import Denied
from getapi.core.content import read_content
from getapi.core.errors import LimitExceeded, SourceError, XmlRefused
from getapi.core.limits import Limits
from getapi.core.notice import NoticeCode
from getapi.core.request import Reference
from getapi.core.selection import Catalogue, Notices, Pick, find_record, pick_all, pick_one
from getapi.core.source import DatastreamRecord, ObjectRecord
from getapi.core.structmap import Division, Pointer, StructuralMap, presentation_map, read_structmap


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One structural map as read, and the object and datastream that it is."""

    record: ObjectRecord
    datastream: DatastreamRecord
    map: StructuralMap


def requested_chart(catalogue: Catalogue, reference: Reference, limits: Limits, notices: Notices) -> Chart | None:
    """The map that a request's ``map`` names, or None and a notice.

    Raises MapTooDeep or MapTooLarge: it is what was asked for, so nothing less is sent instead.
    """
    record = find_record(catalogue, reference.pid, notices)
    if record is None:
        return None
    try:
        datastream = catalogue.match(record, reference.dsid or "")
    except SourceError as error:
        notices.tell_error(error, record.pid, reference.dsid or "")
        return None
    verdict = catalogue.decide_map(record, datastream)
    if isinstance(verdict, Denied):
        notices.tell(verdict.code, verdict.text, record.pid, datastream.dsid)
        return None
    return _read(catalogue, record, datastream, limits, notices)


def presentation_chart(
    catalogue: Catalogue, record: ObjectRecord, patterns: Sequence[str], limits: Limits, notices: Notices
) -> Chart | None:
    """The object's own presentation map where it has one that may be read and used; too large a one is a notice, not a refusal."""
    datastream = record.derive("map", patterns, presentation_map, record.datastreams, patterns)
    if datastream is None or isinstance(catalogue.decide_map(record, datastream), Denied):
        return None
    try:
        return _read(catalogue, record, datastream, limits, notices)
    except LimitExceeded as error:
        notices.tell(NoticeCode.MAP_UNUSABLE, error.sentence, record.pid, datastream.dsid)
        return None


def pick_charted(catalogue: Catalogue, chart: Chart, notices: Notices) -> list[Pick]:
    """Every accessible datastream that a map names, in other objects too, each at its first mention; not the map itself (SPEC 3)."""
    picks: dict[tuple[str, str], Pick] = {}
    catalogue.ask_ahead(pointer.pid for pointer in _pointers(chart.map.root))
    for pointer in _pointers(chart.map.root):
        record = find_record(catalogue, pointer.pid, notices, direct=False)
        if record is None:
            continue
        if pointer.dsid is None:
            found: Sequence[Pick] = pick_all(catalogue, record, notices)
        else:
            found = pick_one(catalogue, record, pointer.dsid, notices, direct=False)
        picks.update((pick.key, pick) for pick in found if pick.key not in picks)
    picks.pop((chart.record.pid, chart.datastream.dsid), None)
    return list(picks.values())


def _pointers(root: Division) -> Iterator[Pointer]:
    stack: list[Division | Pointer] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, Pointer):
            yield node
        else:
            stack.extend(reversed(node.children))


def _read(catalogue: Catalogue, record: ObjectRecord, datastream: DatastreamRecord, limits: Limits, notices: Notices) -> Chart | None:
    try:
        document = read_content(catalogue.repositories.by_name(record.repository), datastream)
        structure = read_structmap(
            document,
            pid=record.pid,
            dsid=datastream.dsid,
            datastreams=record.datastreams,
            max_depth=limits.map_depth,
            max_nodes=limits.map_nodes,
        )
    except (SourceError, XmlRefused) as error:
        notices.tell(NoticeCode.MAP_UNUSABLE, f"The structural map cannot be used. {error.sentence}", record.pid, datastream.dsid)
        return None
    return Chart(record=record, datastream=datastream, map=structure)
