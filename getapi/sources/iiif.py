"""IIIF presentation manifests as objects: what is painted on their canvases, and the manifest itself, are datastreams."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from getapi.core.errors import ContentMissing, ObjectNotFound, ObjectUnreadable, SourceUnavailable
from getapi.core.iiif.address import ManifestAddress
from getapi.core.iiif.canvas import Content as Painted
from getapi.core.iiif.manifest import MAX_OCTETS, Manifest, read_manifest
from getapi.core.mime import extension
from getapi.core.notice import Caveat, NoticeCode
from getapi.core.reference import parse_pid
from getapi.core.source import Content, DatastreamRecord, Digest, ObjectRecord
from getapi.sources.content import BytesContent
from getapi.sources.objectcache import ObjectCache, Records
from getapi.sources.peer import Peer
from getapi.sources.remotefile import Headers, is_same_mark, mark
from getapi.sources.renditions import Look, Planned, Renditions, Unseen

MANIFEST = "manifest"
"""The id of the datastream that is the manifest."""

LACKS = {
    NoticeCode.SOURCE_UNAVAILABLE: "The server of this page does not answer",
    NoticeCode.MALFORMED: "The server of this page answers with something else than the manifest says",
    NoticeCode.CONTENT_MISSING: "The server of this page does not have it",
    NoticeCode.EXTERNAL: "This page is at a host where this service does not fetch from",
}
_TYPE = "application/ld+json"
_GONE = frozenset({401, 403, 404, 410})


class IiifSource:
    """The manifests at one address (core.source.Source). Safe for threads. ``NAMESPACE:NAME``: the name, percent-encoded as a URL's part
    is, fills the address; so each PID is one manifest, and each manifest one PID."""

    def __init__(
        self, *, name: str, address: ManifestAddress, peer: Peer, renditions: Renditions, namespaces: Sequence[str] = ("iiif",)
    ) -> None:
        self.name = name
        self._address = address
        self._peer = peer
        self._renditions = renditions
        self._namespaces = frozenset(namespace.lower() for namespace in namespaces)
        self._parsed = ObjectCache[tuple[str, str], Manifest]()
        self._records = Records()

    def describe(self, pid: str) -> ObjectRecord:
        """As core.source.Source says. The same record for as long as nothing has changed."""
        normal, url = self._read_pid(pid)
        octets = self._fetch(url, pid)
        if octets is None:
            raise ObjectNotFound(pid)
        record = self._record(normal, octets)
        return self._records.settle(record)

    def open(self, datastream: DatastreamRecord, start: int = 0) -> Content:
        """As core.source.Source says."""
        if datastream.fault is not None:
            raise ContentMissing(datastream.pid, datastream.dsid)
        if datastream.dsid == MANIFEST:
            return self._open_manifest(datastream, start)
        return self._renditions.open(datastream, start, is_same=partial(_is_same, datastream))

    def still_gives(self, planned: Sequence[DatastreamRecord]) -> list[bool | None]:
        """As core.source.Choosing says."""
        pid, url = self._read_pid(planned[0].pid)
        octets = self._fetch(url, pid)
        if octets is None:
            raise ObjectNotFound(pid)
        manifest = self._parse(pid, octets)[0]
        candidates = {content.dsid: content.candidates for canvas in manifest.canvases for content in canvas.contents}
        return self._renditions.still_there(
            [Planned(datastream=each, mark=_mark(each), version="", candidates=candidates.get(each.dsid, ())) for each in planned]
        )

    def _read_pid(self, pid: str) -> tuple[str, str]:
        """The PID and its manifest's address."""
        namespace, _, name = (parse_pid(pid) or "").partition(":")
        namespace = namespace.lower()
        url = self._address.fill(name) if namespace in self._namespaces and name else None
        if url is None:
            raise ObjectNotFound(pid)
        return f"{namespace}:{name}", url

    def _fetch(self, url: str, pid: str) -> bytes | None:
        """None for one that is not there, or not shown to us. Raises SourceUnavailable, ObjectUnreadable."""
        found = self._peer.fetch(url, limit=MAX_OCTETS, headers={"Accept": "application/ld+json, application/json;q=0.9"}, pid=pid)
        if found.status in _GONE:
            return None
        if found.headers.get("Content-Type", "").partition(";")[0].strip().lower() in {"text/html", "application/xhtml+xml"}:
            raise SourceUnavailable(self.name)  # a login, or an apology
        return found.octets

    def _record(self, pid: str, octets: bytes) -> ObjectRecord:
        manifest, digest = self._parse(pid, octets)
        contents = [content for canvas in manifest.canvases for content in canvas.contents]
        looks = self._renditions.look_at_all([("", content.candidates) for content in contents])
        own = DatastreamRecord(
            pid=pid,
            dsid=MANIFEST,
            version=digest,
            mime=_TYPE,
            label="IIIF manifest",
            size=len(octets),
            digests=(Digest(algorithm="sha256", value=digest),),
            identity=f"sha256:{digest}",
            remote=True,
            name="manifest.json",
        )
        painted = (_datastream(pid, content, look) for content, look in zip(contents, looks, strict=True))
        return ObjectRecord(
            pid=pid,
            repository=self.name,
            label=manifest.label,
            datastreams=(*(self._renditions.judge(each, LACKS[NoticeCode.MALFORMED]) for each in painted), own),
            structure=manifest.structure,
        )

    def _parse(self, pid: str, octets: bytes) -> tuple[Manifest, str]:
        """The manifest, and the SHA-256 of its text: the same text is parsed once."""
        digest = hashlib.sha256(octets).hexdigest()
        manifest = self._parsed.get((pid, digest))
        if manifest is None:
            manifest = read_manifest(octets, pid)
            self._parsed.put((pid, digest), manifest, len(octets))
        return manifest, digest

    def _open_manifest(self, datastream: DatastreamRecord, start: int) -> Content:
        try:
            octets = self._fetch(self._read_pid(datastream.pid)[1], datastream.pid)
        except (ObjectNotFound, ObjectUnreadable):
            octets = None
        if octets is None:
            raise ContentMissing(datastream.pid, datastream.dsid)
        return BytesContent(octets, datastream, start=start)


def _datastream(pid: str, content: Painted, look: Look) -> DatastreamRecord:
    record = DatastreamRecord(pid=pid, dsid=content.dsid, version="0", mime=content.mime, label=content.label, remote=True)
    if isinstance(look, Unseen) and look.believed is not None:
        look = look.believed  # there is no other file of it
    if isinstance(look, Unseen):
        return replace(record, fault=look.code, caveat=_caveat(look.code))
    # The size belongs to the version: without a mark it is all that tells two of them apart.
    version = look.mark or "0"
    identity = "" if look.size is None else f"http:{version}:{look.size}"
    return replace(
        record,
        version=version,
        mime=look.mime,
        size=look.size,
        location=look.url,
        identity=identity,
        name=_file_name(content, look.mime),
        unsized=look.size is None,
    )


def _file_name(content: Painted, mime: str) -> str:
    """What the canvas is called, where it is called anything; several contents of one canvas keep their ids."""
    stem = content.label if content.label and "." not in content.dsid else " ".join(filter(None, (content.label, content.dsid)))
    return f"{stem[:150]}{extension(mime)}"


def _caveat(code: NoticeCode) -> Caveat:
    return Caveat(code=code, text=LACKS[code])


def _mark(datastream: DatastreamRecord) -> str:
    """What its server said of its version when it was looked at."""
    return "" if datastream.version == "0" else datastream.version


def _is_same(datastream: DatastreamRecord, headers: Headers) -> bool:
    return is_same_mark(_mark(datastream), mark(headers))
