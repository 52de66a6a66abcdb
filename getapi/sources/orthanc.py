"""An Orthanc server: a patient, study or series is an object, each of its DICOM instances a datastream (peers.md 1C).

What an instance is Orthanc's index tells: its size, and its MD5, which the bytes must have. They come from the attachment, of which newer
versions (1.12.5) give ranges; an older one is read from its start, and what was had already is passed over.
"""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from getapi.core.errors import ObjectNotFound, SourceUnavailable
from getapi.core.notice import NoticeCode
from getapi.core.reference import parse_pid
from getapi.core.source import Content, DatastreamRecord, Digest, ObjectRecord
from getapi.sources.dicomtree import Shelf, shelve, structure
from getapi.sources.jsonfacts import Facts, Misshapen, inside, number, read_object, read_objects, text
from getapi.sources.objectcache import ObjectCache, Records
from getapi.sources.peer import Peer
from getapi.sources.remotefile import Headers
from getapi.sources.waiting import waiting

MAX_OCTETS = 64 * 2**20
"""Of one answer about an object: some hundred thousand instances."""

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}")
_MD5 = re.compile(r"[0-9a-f]{32}")
_LEVELS = ("studies", "series", "patients")
T = TypeVar("T")


class OrthancSource:
    """One server (core.source.Source). Safe for threads. ``at_once``: how many instances' MD5s are asked for at the same time."""

    def __init__(self, *, name: str, peer: Peer, at_once: int = 8) -> None:
        self.name = name
        self._peer = peer
        self._at_once = at_once
        self._levels = ObjectCache[str, str](octets=2**22)
        self._digests = ObjectCache[str, str](count=200_000)
        self._records = Records()

    def describe(self, pid: str) -> ObjectRecord:
        """As core.source.Source says; ``NAMESPACE:ID`` of a study, a series or a patient. The same record while nothing has changed."""
        normal = parse_pid(pid)
        namespace, _, name = (normal or "").lower().partition(":")
        if not _ID.fullmatch(name):
            raise ObjectNotFound(pid)
        try:
            record = self._look(f"{namespace}:{name}", name)
        except Misshapen:
            raise SourceUnavailable(self.name) from None
        if record is None:
            raise ObjectNotFound(pid)
        return self._records.settle(record)

    def open(self, datastream: DatastreamRecord, start: int = 0) -> Content:
        """As core.source.Source says."""
        return self._peer.files.open(datastream, self._peer.base + datastream.location, start, is_same=partial(_is_same, datastream))

    def _look(self, pid: str, name: str) -> ObjectRecord | None:
        first = self._levels.get(name)
        for level in sorted(_LEVELS, key=lambda each: each != first):
            facts = self._fetch(read_object, level, name)
            if facts is not None:
                self._levels.put(name, level, len(name))
                return self._read(pid, level, name, facts)
        return None

    def _read(self, pid: str, level: str, name: str, facts: Facts) -> ObjectRecord | None:
        shelf = self._shelve(level, name, facts)
        if shelf is None:
            return None
        ordered = [each for each in shelf.order() if _ID.fullmatch(text(each, "ID"))]
        moment = _moment(text(facts, "LastUpdate"))
        records = [self._record(pid, each, digest, shelf, moment) for each, digest in zip(ordered, self._ask_digests(ordered), strict=True)]
        present = tuple(self._judge(each) for each in records if each is not None)
        label = _title(level, facts, shelf)
        return ObjectRecord(pid=pid, repository=self.name, label=label, datastreams=present, structure=structure(shelf, pid))

    def _judge(self, datastream: DatastreamRecord) -> DatastreamRecord:
        """What was found not to be as long as the index says has a fault for a while."""
        blamed = self._peer.files.blame.rests_on(datastream)
        return replace(datastream, fault=NoticeCode.MALFORMED) if blamed else datastream

    def _shelve(self, level: str, name: str, facts: Facts) -> Shelf | None:
        """None where it was deleted meanwhile."""
        studies: Sequence[Facts] | None
        series: Sequence[Facts] | None
        if level == "patients":
            patient, studies = inside(facts, "MainDicomTags"), self._fetch(read_objects, level, name, "studies")
            series = self._fetch(read_objects, level, name, "series") if studies is not None else None
        else:
            study = facts if level == "studies" else self._fetch(read_object, "studies", text(facts, "ParentStudy"))
            patient, studies = inside(study or {}, "PatientMainDicomTags"), None if study is None else [study]
            series = [facts] if level == "series" else self._fetch(read_objects, level, name, "series")
        instances = self._fetch(read_objects, level, name, "instances")
        if studies is None or series is None or instances is None:
            return None
        return shelve(patient, studies, series, instances)

    def _fetch(self, read: Callable[[bytes], T], *path: str) -> T | None:
        """None for what is not there. Raises SourceUnavailable, ObjectUnreadable, Misshapen."""
        found = self._peer.fetch(self._peer.url(*path), limit=MAX_OCTETS, pid=path[1])
        if found.status in {401, 403}:
            raise SourceUnavailable(self.name)
        return read(found.octets) if found.status == 200 else None

    def _ask_digests(self, instances: Sequence[Facts]) -> list[str | None]:
        """The MD5 of each, "" where Orthanc keeps none; None for an instance that is no more. What a file has never changes."""
        known = [self._digests.get(text(each, "FileUuid")) for each in instances]
        unknown = [text(each, "ID") for each, digest in zip(instances, known, strict=True) if digest is None]
        asked: dict[str, str | None] = {}
        if unknown:
            with waiting(self.name), ThreadPoolExecutor(min(self._at_once, len(unknown)), thread_name_prefix="digests") as pool:
                asked = dict(zip(unknown, pool.map(self._ask_digest, unknown), strict=True))
        for each in instances:
            file, digest = text(each, "FileUuid"), asked.get(text(each, "ID"))
            if file and digest:
                self._digests.put(file, digest, len(digest))
        return [asked.get(text(each, "ID"), digest) for each, digest in zip(instances, known, strict=True)]

    def _ask_digest(self, instance: str) -> str | None:
        found = self._peer.fetch(self._peer.url("instances", instance, "attachments", "dicom", "md5"), limit=1024)
        if found.status in {401, 403}:
            raise SourceUnavailable(self.name)
        said = found.octets.decode("ascii", "replace").strip().lower()
        return None if found.status != 200 else said if _MD5.fullmatch(said) else ""

    def _record(self, pid: str, instance: Facts, digest: str | None, shelf: Shelf, moment: datetime | None) -> DatastreamRecord | None:
        if digest is None:
            return None
        name, file, size = text(instance, "ID"), text(instance, "FileUuid"), number(instance, "FileSize")
        described = inside(instance, "MainDicomTags")
        return DatastreamRecord(
            pid=pid,
            dsid=name,
            version=file or name,
            mime="application/dicom",
            label=" ".join(filter(None, (text(described, "InstanceNumber").strip(), text(described, "ImageComments").strip())))[:200],
            created=moment,
            size=size,
            digests=(Digest(algorithm="md5", value=digest),) if digest else (),
            location=f"/instances/{name}/attachments/dicom/data",
            identity=f"{file}:{size}:{digest}",
            remote=True,
            name=shelf.names.get(name, ""),
        )


def _is_same(datastream: DatastreamRecord, headers: Headers) -> bool:
    """Orthanc's entity tag is its revision, a hyphen and the MD5; one of another form says nothing."""
    tag = headers.get("ETag", "").removeprefix("W/").strip('"').rpartition("-")[2].lower()
    declared = datastream.digest("md5")
    return declared is None or not _MD5.fullmatch(tag) or tag == declared


def _title(level: str, facts: Facts, shelf: Shelf) -> str:
    tags = inside(facts, "MainDicomTags") if level != "patients" else shelf.patient
    wanted = {"studies": "StudyDescription", "series": "SeriesDescription", "patients": "PatientName"}
    return text(tags, wanted[level]).replace("^", " ").strip()


def _moment(stamp: str) -> datetime | None:
    """``20261128T220624``, in UTC."""
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
