"""A Fedora 3 repository, read from its two stores on disk; Fedora itself need not run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from getapi.core.errors import AmbiguousName, ContentChanged, ContentMissing, ObjectNotFound, ObjectUnreadable, SourceUnavailable
from getapi.core.notice import NoticeCode
from getapi.core.reference import parse_pid
from getapi.core.rights import read_statements, relation_ids, statement_ids
from getapi.core.rights.rules import EmbargoRule
from getapi.core.source import MANAGED, Content, DatastreamRecord, ObjectRecord
from getapi.core.value import maker, value
from getapi.sources.blobstore import Blob, BlobStore, store_layout
from getapi.sources.content import ABSENT, FileContent, hold
from getapi.sources.controlgroups import open_by_group
from getapi.sources.datastreams import Bytes, find_stored, record_datastreams
from getapi.sources.digitalobject import Datastream, DigitalObject
from getapi.sources.external import ExternalHosts
from getapi.sources.foxml import MAX_OCTETS, read_foxml
from getapi.sources.objectcache import ObjectCache
from getapi.sources.pathindex import PathIndex
from getapi.sources.spelledalike import find_alike
from getapi.sources.statements import inline_octets, statement_documents

_OCTETS = 2048
"""What a datastream's record takes in memory, about, with what is found out from it."""


_SIMPLE = 2**20
"""Octets of an object that is read at once. Of a larger one it is first seen whether it is known already."""


@value(frozen=True, slots=True, kw_only=True)
class _Known:
    """What an object's file told: its inline XML by DSID, and the record that was made of it, which is true for as long as the witnesses
    hold. ``value`` is all that was read, where no record could be kept or it takes long to read it again."""

    blob: Blob
    inline: Mapping[str, bytes]
    value: DigitalObject | None = None
    record: ObjectRecord | None = None
    witnesses: Sequence[Blob] = ()


_new_record, _new_known = maker(ObjectRecord), maker(_Known)


class Fedora3Source:
    """One repository (core.source.Source). Safe for threads: what it keeps of objects goes by the identity of their files."""

    def __init__(
        self,
        *,
        name: str,
        objects: Path,
        datastreams: Path,
        layout: str = "akubra",
        object_pattern: str = "##",
        datastream_pattern: str = "##",
        rules: tuple[EmbargoRule, ...] = (),
        index: PathIndex,
        external_hosts: frozenset[str] | ExternalHosts = frozenset(),
    ) -> None:
        """``objects`` and ``datastreams`` are the stores' folders; the patterns are akubra's. Raises ValueError for one that is none."""
        self.name = name
        self._objects = BlobStore(repository=name, root=objects, layout=store_layout(layout, object_pattern), index=index)
        self._datastreams = BlobStore(repository=name, root=datastreams, layout=store_layout(layout, datastream_pattern), index=index)
        self._index = index
        self._rules = rules
        self._statement_ids, self._relation_ids = statement_ids(rules), relation_ids(rules)
        self._known = ObjectCache[str, _Known](octets=2**26)
        self._external = external_hosts if isinstance(external_hosts, ExternalHosts) else ExternalHosts(external_hosts, repository=name)

    def describe(self, pid: str) -> ObjectRecord:
        """As core.source.Source says; a PID that cannot be one is not found. The same record for as long as its files are the same."""
        return self._remember(pid) or self._describe(pid)

    def _remember(self, pid: str) -> ObjectRecord | None:
        known = self._known.get(pid)
        return known.record if known is not None and known.record is not None and hold(known.witnesses) else None

    def _describe(self, pid: str) -> ObjectRecord:
        taken = self._take(pid)
        if taken is not None:
            return self._make(*taken)
        true, blob = self._find(pid)
        remembered = self._remember(true) if true != pid else None
        return remembered or self._make(true, *self._read(true, blob))

    def _make(self, true: str, blob: Blob, value: DigitalObject) -> ObjectRecord:
        datastreams, stored = self._record(true, blob, value)
        unseen = _unseen(datastreams)
        if any(datastream.fault == NoticeCode.CONTENT_MISSING for datastream in unseen):
            # A version may be purged between the reading of the object's file and the look into the store: once more, if so.
            fresh = self._objects.examine(blob.path)
            if fresh is not None and fresh != blob:
                blob, value = self._read(true, fresh)
                datastreams, stored = self._record(true, blob, value)
                unseen = _unseen(datastreams)
        documents = statement_documents(value, datastreams, self._statement_ids, self._open_managed, relations=self._relation_ids)
        record = _new_record(
            pid=true,
            repository=self.name,
            state=value.state,
            label=value.label,
            datastreams=datastreams,
            restrictions=read_statements(pid=true, datastreams=datastreams, documents=documents, rules=self._rules),
        )
        lasts = not unseen and None not in documents.values()
        known = _new_known(
            blob=blob,
            inline=value.inline(),
            value=None if lasts and blob.size <= _SIMPLE else value,
            record=record if lasts else None,
            witnesses=(blob, *stored) if lasts else (),
        )
        self._keep(true, known, len(datastreams))
        return record

    def _keep(self, pid: str, known: _Known, datastreams: int) -> None:
        self._known.put(pid, known, known.blob.size + _OCTETS * (1 + datastreams))

    def open(self, datastream: DatastreamRecord, start: int = 0) -> Content:
        """As core.source.Source says. A redirect, and what has a fault, is never opened: ContentMissing."""
        return open_by_group(datastream, start, external=self._external, managed=self._open_managed, inline=self._inline)

    def _take(self, pid: str) -> tuple[str, Blob, DigitalObject] | None:
        """The object under this very PID where the layout puts it, as most are: its file is opened without a look at it before."""
        normal = parse_pid(pid)
        taken = self._objects.take(normal, limit=_SIMPLE) if normal is not None else None
        if normal is None or taken is None:
            return None
        blob, document = taken
        return normal, blob, self._recall(normal, blob) or self._parse(normal, document)

    def _find(self, pid: str) -> tuple[str, Blob]:
        normal = parse_pid(pid)
        if normal is None:
            raise ObjectNotFound(pid)
        exact = self._objects.locate(normal)
        if exact is not None:
            return normal, exact
        found = find_alike(normal, self._index, locate=self._objects.locate, compute=self._objects.compute)
        if len(found) > 1:
            raise AmbiguousName(pid)
        if not found:
            raise ObjectNotFound(pid)
        return found[0]

    def _read(self, pid: str, blob: Blob) -> tuple[Blob, DigitalObject]:
        """The object, and its blob as it was when it was read."""
        if not blob.plain:
            raise ObjectUnreadable(pid, "it is not a regular file of the store")
        known = self._recall(pid, blob)
        if known is not None:
            return blob, known
        try:
            blob, document = self._objects.read(blob, limit=MAX_OCTETS)
        except OSError as error:
            if error.errno in ABSENT:
                raise ObjectNotFound(pid) from error
            raise SourceUnavailable(self.name) from error
        value = self._parse(pid, document)
        self._keep(pid, _Known(blob=blob, inline=value.inline(), value=value), len(value.datastreams))
        return blob, value

    def _recall(self, pid: str, blob: Blob) -> DigitalObject | None:
        known = self._known.get(pid)
        return known.value if known is not None and known.blob == blob else None

    def _parse(self, pid: str, document: bytes) -> DigitalObject:
        value = read_foxml(document, pid)
        if value.pid not in {"", pid} and parse_pid(value.pid.strip().removeprefix("info:fedora/")) != pid:
            raise ObjectUnreadable(pid, "it describes another object")
        return value

    def _record(self, pid: str, blob: Blob, value: DigitalObject) -> tuple[tuple[DatastreamRecord, ...], list[Blob]]:
        """The datastreams, and the blobs of those that are in the store."""
        seen: list[Blob] = []

        def find(_datastream: Datastream, token: str | None) -> Bytes:
            return find_stored(token, self._datastreams, seen)

        return record_datastreams(value, pid=pid, home=blob.path, find=find), seen

    def _open_managed(self, datastream: DatastreamRecord, start: int = 0) -> FileContent:
        blob = self._datastreams.examine(datastream.location)
        if blob is None:
            raise ContentMissing(datastream.pid, datastream.dsid)
        if blob.identity != datastream.identity or not blob.plain:
            self._doubt(datastream, blob)
            raise ContentChanged(datastream.pid, datastream.dsid)
        return FileContent(f"{self._datastreams.root}/{datastream.location}", datastream, repository=self.name, start=start)

    def _doubt(self, datastream: DatastreamRecord, blob: Blob) -> None:
        """What lies outside the store by now may have been described by a look of a moment ago (``enclosure``): it is not to stay so."""
        if not blob.plain:
            self._known.drop(datastream.pid)

    def _inline(self, datastream: DatastreamRecord) -> bytes:
        """The inline XML as it is now. Raises ContentMissing, ContentChanged, SourceUnavailable."""
        try:
            blob = self._objects.examine(datastream.location)
            if blob is None:
                raise ContentMissing(datastream.pid, datastream.dsid)
            self._doubt(datastream, blob)
            known = self._known.get(datastream.pid)
            inline = known.inline if known is not None and known.blob == blob else self._read(datastream.pid, blob)[1].inline()
        except ObjectNotFound:
            raise ContentMissing(datastream.pid, datastream.dsid) from None
        except ObjectUnreadable:
            raise ContentChanged(datastream.pid, datastream.dsid) from None
        return inline_octets(inline, datastream)


def _unseen(datastreams: Sequence[DatastreamRecord]) -> list[DatastreamRecord]:
    """Those that are not in the store, or cannot be read: there is nothing by which their coming would be seen."""
    return [datastream for datastream in datastreams if datastream.control_group is MANAGED and not datastream.identity]
