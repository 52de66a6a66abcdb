"""A Fedora 3 repository, asked over REST: for those who cannot mount its disks.

With API-M rights an object is read from its own FOXML, by the same code as the disk adapter. Without them neither state nor control group
can be seen: then everything is closed, unless the administrator trusts what API-A shows to us (fedora.md 3).
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from getapi.core.errors import (
    AmbiguousName,
    ContentChanged,
    ContentMissing,
    ObjectNotFound,
    ObjectUnreadable,
    SourceUnavailable,
)
from getapi.core.notice import NoticeCode
from getapi.core.reference import parse_pid, spellings
from getapi.core.restriction import Ground, Restriction
from getapi.core.rights import read_statements, relation_ids, statement_ids
from getapi.core.rights.rules import EmbargoRule
from getapi.core.source import Content, ControlGroup, DatastreamRecord, Digest, ObjectRecord
from getapi.sources.apia import ApiA
from getapi.sources.controlgroups import open_by_group
from getapi.sources.datastreams import MALFORMED, MISSING, Bytes, record_datastreams
from getapi.sources.digitalobject import Datastream, DigitalObject
from getapi.sources.external import ExternalHosts
from getapi.sources.foxml import MAX_OCTETS, read_foxml
from getapi.sources.objectcache import ObjectCache
from getapi.sources.peer import Peer
from getapi.sources.remotecontent import RemoteContent
from getapi.sources.remotefile import Headers
from getapi.sources.statements import inline_octets, read_statement, statement_documents
from getapi.sources.unsizedcontent import UnsizedContent

REFUSED = frozenset({401, 403})
"""Fedora says 401 also to those it knows and does not allow."""

GONE = frozenset({404, 410})

UNASKED = 300.0
"""Seconds for which API-M is not asked again once it has refused; only where API-A is trusted."""

_OCTETS = 2048
"""What a datastream's record takes in memory, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Described:
    """A record and the digest of the FOXML that it was made of."""

    mark: str
    record: ObjectRecord


class Fedora3RestSource:
    """One repository (core.source.Source). Safe for threads: what it keeps of objects goes by the digest of their FOXML."""

    def __init__(
        self,
        *,
        name: str,
        peer: Peer,
        trust_api_a: bool = False,
        rules: tuple[EmbargoRule, ...] = (),
        external_hosts: frozenset[str] | ExternalHosts = frozenset(),
    ) -> None:
        self.name = name
        self._peer = peer
        self._trusted = trust_api_a
        self._rules = rules
        self._statement_ids, self._relation_ids = statement_ids(rules), relation_ids(rules)
        self._api_a = ApiA(peer, repository=name)
        self._described = ObjectCache[str, _Described]()
        self._parsed = ObjectCache[str, DigitalObject]()
        self._external = external_hosts if isinstance(external_hosts, ExternalHosts) else ExternalHosts(external_hosts, repository=name)
        self._unasked = 0.0

    def describe(self, pid: str) -> ObjectRecord:
        """As core.source.Source says; a PID that cannot be one is not found. The same record for as long as its FOXML is the same."""
        normal = parse_pid(pid)
        if normal is None:
            raise ObjectNotFound(pid)
        for spelling in (normal, *spellings(normal)):
            found = self._ask(spelling)
            if found is not None:
                return found
        alike = [each for each in self._api_a.search(normal) if each.lower() == normal.lower()]
        if len(alike) > 1:
            raise AmbiguousName(pid)
        found = self._ask(alike[0]) if alike else None
        if found is None:
            raise ObjectNotFound(pid)
        return found

    def open(self, datastream: DatastreamRecord, start: int = 0) -> Content:
        """As core.source.Source says. A redirect, and what has a fault, is never opened: ContentMissing."""
        return open_by_group(datastream, start, external=self._external, managed=self._open_managed, inline=self._inline)

    def _ask(self, pid: str) -> ObjectRecord | None:
        """The object of exactly this PID; None where there is none."""
        if not self._trusted or time.monotonic() >= self._unasked:
            found = self._peer.fetch(self._peer.url("objects", pid, "objectXML"), limit=MAX_OCTETS, pid=pid)
            if found.status == 200:
                return self._read(pid, found.octets)
            if found.status in GONE:
                return None
            self._unasked = time.monotonic() + UNASKED
        return self._read_trusted(pid) if self._trusted else self._close(pid)

    def _read(self, pid: str, document: bytes) -> ObjectRecord:
        mark = hashlib.sha256(document).hexdigest()
        known = self._described.get(pid)
        blamed = self._peer.files.blame.rests_on_any(pid)
        if known is not None and known.mark == mark and not blamed:
            return known.record
        value = self._parse(pid, document, mark)
        found = record_datastreams(value, pid=pid, home=pid, find=partial(self._find, pid))
        inline = value.inline()
        datastreams = tuple(self._complete(each, inline) for each in found)
        documents = statement_documents(value, datastreams, self._statement_ids, self._open_managed, relations=self._relation_ids)
        record = ObjectRecord(
            pid=pid,
            repository=self.name,
            state=value.state,
            label=value.label,
            datastreams=datastreams,
            restrictions=read_statements(pid=pid, datastreams=datastreams, documents=documents, rules=self._rules),
        )
        if None not in documents.values() and not any(each.fault == NoticeCode.CONTENT_MISSING for each in datastreams) and not blamed:
            self._described.put(pid, _Described(mark=mark, record=record), _OCTETS * (1 + len(datastreams)))
        return record

    def _parse(self, pid: str, document: bytes, mark: str) -> DigitalObject:
        known = self._parsed.get(mark)
        if known is not None:
            return known
        value = read_foxml(document, pid)
        if value.pid not in {"", pid} and parse_pid(value.pid.strip().removeprefix("info:fedora/")) != pid:
            raise ObjectUnreadable(pid, "it describes another object")
        self._parsed.put(mark, value, len(document))
        return value

    def _find(self, pid: str, datastream: Datastream, token: str | None) -> Bytes:
        """Of which version the bytes are is said by its date: Fedora gives no version by its id.

        The store's size is what HEAD tells where FOXML has none; where it has one, HEAD only repeats that (fedora.md 3).
        """
        if token is None:
            return MALFORMED
        moment = None if datastream.created is None else _written(datastream.created)
        location = self._peer.url(
            "objects", pid, "datastreams", datastream.id, "content", query={"asOfDateTime": moment} if moment else None
        )
        asked = DatastreamRecord(pid=pid, dsid=datastream.id, version=datastream.version or "")
        try:
            size = datastream.declared_size or self._peer.files.size(asked, location)
        except ContentMissing:
            return MISSING
        except SourceUnavailable:
            size = None  # opening it says so
        digests = "".join(digest.value for digest in datastream.digests)
        # Without what HEAD says: once that has no answer, it would be another version. Size and size are compared by themselves.
        identity = f"{datastream.version}@{moment}:{datastream.declared_size}:{digests}"
        return Bytes(size=size, location=location.removeprefix(self._peer.base), identity=identity, remote=True)

    def _complete(self, datastream: DatastreamRecord, inline: Mapping[str, bytes]) -> DatastreamRecord:
        """Inline XML comes over the network like all else; it is at hand now, for whichever algorithm the packages have.

        What was found not to be as long as FOXML says, and so cannot be sent, has a fault for a while.
        """
        if datastream.fault is None and self._peer.files.blame.rests_on(datastream):
            return replace(datastream, fault=NoticeCode.MALFORMED)
        if datastream.control_group is not ControlGroup.INLINE or datastream.fault is not None:
            return datastream
        digest = Digest(algorithm="sha512", value=hashlib.sha512(inline_octets(inline, datastream)).hexdigest())
        return replace(datastream, remote=True, digests=(*datastream.digests, digest))

    def _open_managed(self, datastream: DatastreamRecord, start: int = 0) -> RemoteContent | UnsizedContent:
        url = self._peer.base + datastream.location
        try:
            return self._peer.files.open(datastream, url, start, is_same=partial(_is_same, datastream))
        except ContentMissing:
            # Of a version that is no more, or of a datastream that is no more.
            if self._peer.head(url.partition("?")[0]).status == 200:
                raise ContentChanged(datastream.pid, datastream.dsid) from None
            raise

    def _inline(self, datastream: DatastreamRecord) -> bytes:
        """The inline XML as it is now. Raises ContentMissing, ContentChanged, SourceUnavailable."""
        pid = datastream.pid
        found = self._peer.fetch(self._peer.url("objects", pid, "objectXML"), limit=MAX_OCTETS)
        if found.status in REFUSED:
            raise SourceUnavailable(self.name)
        if found.status != 200:
            raise ContentMissing(pid, datastream.dsid)
        try:
            value = self._parse(pid, found.octets, hashlib.sha256(found.octets).hexdigest())
        except ObjectUnreadable:
            raise ContentChanged(pid, datastream.dsid) from None
        return inline_octets(value.inline(), datastream)

    def _close(self, pid: str) -> ObjectRecord | None:
        """An object of which only API-A tells: neither its state nor its rights can be known, so that nothing of it may leave."""
        listed = self._api_a.datastreams(pid)
        if listed is None:
            return None
        closed = Restriction(ground=Ground.UNREADABLE)
        return ObjectRecord(pid=pid, repository=self.name, datastreams=listed, restrictions=(closed,))

    def _read_trusted(self, pid: str) -> ObjectRecord | None:
        shown = self._api_a.describe(pid)
        if shown is None:
            return None
        stating = (each for each in shown.datastreams if each.dsid.casefold() in self._statement_ids)
        documents = {each.dsid: read_statement(each, self._open_managed) for each in stating}
        restrictions = read_statements(pid=pid, datastreams=shown.datastreams, documents=documents, rules=self._rules)
        record = replace(shown, restrictions=restrictions)
        known = self._described.get(pid)
        if known is not None and known.record == record:
            return known.record
        self._described.put(pid, _Described(mark="", record=record), _OCTETS * (1 + len(record.datastreams)))
        return record


def _written(moment: datetime) -> str:
    """As Fedora itself writes and reads date-times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_same(datastream: DatastreamRecord, headers: Headers) -> bool:
    """Fedora's entity tag is the stored checksum, unquoted, where there is one (3.8); what does not look like it says nothing."""
    tag = headers.get("ETag", "").strip().removeprefix("W/").strip('"').lower()
    same_kind = [digest for digest in datastream.digests if len(digest.value) == len(tag)]
    return not same_kind or any(digest.value == tag for digest in same_kind)
