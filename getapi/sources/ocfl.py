"""An OCFL storage root as a repository: any object of it, and Fedora 6's with all that its headers and access lists say."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from getapi.core.errors import ObjectUnreadable
from getapi.core.notice import NoticeCode
from getapi.core.restriction import Restriction
from getapi.core.rights import read_statements, statement_ids
from getapi.core.rights.rules import EmbargoRule
from getapi.core.source import Content, ControlGroup, DatastreamRecord, ObjectRecord
from getapi.sources.ancestry import Ancestry, Verdict
from getapi.sources.content import FileContent, Witness
from getapi.sources.controlgroups import open_by_group
from getapi.sources.described import Described
from getapi.sources.external import ExternalHosts
from getapi.sources.fedora6 import Fedora6Object, is_fedora
from getapi.sources.objectcache import ObjectCache
from getapi.sources.ocflinventory import LogicalFile, ObjectRefused
from getapi.sources.ocflnames import spell_dsid
from getapi.sources.ocflobjects import OcflObjects
from getapi.sources.ocflresource import Part, Resource, plain_resource
from getapi.sources.ocflroot import Absence, ContentFile, StorageRoot, StoredObject
from getapi.sources.pathindex import PathIndex

MAX_SMALL = 4 * 2**20
"""Octets of a header, of RDF, of a rights statement; a larger one counts as unreadable, and so denies."""

_OCTETS = 2048
"""What a datastream's record takes in memory, about, with what is found out from it."""


class OcflSource:
    """One storage root (core.source.Source). Safe for threads: what it keeps of objects goes by the identity of their files."""

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        layout: str = "auto",
        headers_required: bool = False,
        rules: tuple[EmbargoRule, ...] = (),
        index: PathIndex,
        external_hosts: frozenset[str] | ExternalHosts = frozenset(),
    ) -> None:
        """``layout`` as StorageRoot takes it. ``headers_required``: an object without Fedora's headers is refused."""
        self.name = name
        self._root = StorageRoot(repository=name, root=root, layout=layout)
        self._objects = OcflObjects(root=self._root, index=index)
        self._ancestry = Ancestry(objects=self._objects, interpret=self._interpret)
        self._headers_required = headers_required
        self._rules = rules
        self._statement_ids = statement_ids(rules)
        self._described = ObjectCache[str, Described]()
        self._external = external_hosts if isinstance(external_hosts, ExternalHosts) else ExternalHosts(external_hosts, repository=name)

    def describe(self, pid: str) -> ObjectRecord:
        """As core.source.Source says; a PID that cannot be one is not found. The same record for as long as its files are the same."""
        known = self._described.get(pid)
        if known is not None and known.holds():
            return known.record
        true, stored = self._objects.find(pid)
        record = self._describe(true, stored)
        if any(datastream.fault == NoticeCode.CONTENT_MISSING for datastream in record.datastreams):
            # A mutable head may be committed between the reading of its inventory and the look at its files: once more, if so.
            fresh = self._root.load(stored.path, true)
            if fresh is not None and fresh.fingerprint != stored.fingerprint and fresh.inventory.id == stored.inventory.id:
                record = self._describe(true, fresh)
        return record

    def open(self, datastream: DatastreamRecord, start: int = 0) -> Content:
        """As core.source.Source says. A redirect, and what has a fault, is never opened: ContentMissing."""
        return open_by_group(datastream, start, external=self._external, managed=self._open_managed)

    def _open_managed(self, datastream: DatastreamRecord, start: int) -> FileContent:
        return FileContent(self._root.whole(datastream.location), datastream, repository=self.name, start=start)

    def _describe(self, pid: str, stored: StoredObject) -> ObjectRecord:
        try:
            resource, readable = self._resource(stored)
        except ObjectRefused as refused:
            raise ObjectUnreadable(pid, str(refused)) from None
        verdict = self._ancestry.decide(resource.parent) if resource.undecided else Verdict(ground=None)
        datastreams = self._record(pid, stored, resource.parts)
        documents = self._statements(stored, resource.parts)
        stated = read_statements(pid=pid, datastreams=datastreams, documents=documents, rules=self._rules)
        record = ObjectRecord(
            pid=pid,
            repository=self.name,
            state=resource.state,
            label=resource.label,
            datastreams=datastreams,
            restrictions=(*_restrictions(resource, verdict), *stated),
        )
        if readable and None not in documents.values() and verdict.witnesses is not None:
            self._remember(record, (*stored.witnesses, *verdict.witnesses))
        return record

    def _resource(self, stored: StoredObject) -> tuple[Resource, bool]:
        """What an object is, and whether all that says so could be read. Raises ObjectRefused."""
        if not self._headers_required and not is_fedora(stored.inventory):
            return plain_resource(stored.inventory), True
        interpreted = self._interpret(stored)
        return interpreted.resource(), interpreted.readable

    def _interpret(self, stored: StoredObject) -> Fedora6Object:
        return Fedora6Object(stored.inventory, lambda file: self._read(stored, file))

    def _remember(self, record: ObjectRecord, learned: Sequence[Witness | Absence]) -> None:
        """Keeps a record with all that it rests on, unless some of its bytes are not there: what comes to be has no identity yet."""
        managed = [each for each in record.datastreams if each.control_group is ControlGroup.MANAGED]
        if all(datastream.identity for datastream in managed):
            files = [Witness.of(self._root.whole(each.location), each.identity) for each in managed]
            described = Described(record=record, witnesses=(*learned, *files))
            self._described.put(record.pid, described, _OCTETS * (1 + len(record.datastreams)))

    def _record(self, pid: str, stored: StoredObject, parts: Sequence[Part]) -> tuple[DatastreamRecord, ...]:
        checked: set[str] = set()
        found = {part.name: self._root.examine(stored, part.file.contents, checked) for part in parts if part.file}
        return tuple(_datastream(pid, stored, part, found.get(part.name)) for part in parts)

    def _statements(self, stored: StoredObject, parts: Sequence[Part]) -> Mapping[str, bytes | None]:
        """The rights statements by DSID, whatever their state; None for one that cannot be read, which then denies."""
        named = ((spell_dsid(part.name), part) for part in parts)
        return {
            dsid: self._read(stored, part.file) if part.file and not part.broken else None
            for dsid, part in named
            if dsid.casefold() in self._statement_ids
        }

    def _read(self, stored: StoredObject, file: LogicalFile) -> bytes | None:
        """A small file's octets, if they are what the inventory declares. Raises SourceUnavailable."""
        octets = self._root.read(stored, file.contents[0], MAX_SMALL)
        if octets is None:
            return None
        right = all(hashlib.new(each.algorithm, octets, usedforsecurity=False).hexdigest() == each.value for each in file.digests)
        return octets if right else None


def _datastream(pid: str, stored: StoredObject, part: Part, found: ContentFile | None) -> DatastreamRecord:
    fault = NoticeCode.MALFORMED if part.broken else NoticeCode.CONTENT_MISSING if part.file and not found else None
    return DatastreamRecord(
        pid=pid,
        dsid=spell_dsid(part.name),
        version=part.file.version if part.file else "",
        state=part.state,
        control_group=part.control_group,
        mime=part.mime,
        label=part.label,
        created=part.created,
        size=found.size if found else None,
        declared_size=part.size,
        digests=part.digests,
        location=f"{stored.path}/{part.file.contents[0]}" if part.file else part.url,
        identity=found.identity if found else "",
        fault=fault,
    )


def _restrictions(resource: Resource, verdict: Verdict) -> Iterator[Restriction]:
    for restriction in resource.restrictions:
        yield restriction if restriction.dsid is None else replace(restriction, dsid=spell_dsid(restriction.dsid))
    if verdict.ground is not None:
        for name in resource.undecided:
            yield Restriction(ground=verdict.ground, dsid=spell_dsid(name))
