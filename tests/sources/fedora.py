"""Fedora 3's REST interface over the stores of a test, as fedora.md 3 tells it: what it answers, with which status and headers."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import format_datetime
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from getapi.core.source import ControlGroup, State
from getapi.sources.digitalobject import Datastream, DigitalObject, parse_created
from getapi.sources.foxml import read_foxml
from tests.sources.peers import Answer, Asked

ACCESS = 'xmlns="http://www.fedora.info/definitions/1/0/access/"'
TYPES = 'xmlns="http://www.fedora.info/definitions/1/0/types/"'
NOTHING = Answer(status=404, body=b"not there", headers={"Content-Type": "text/plain"})
DENIED = Answer(status=401, body=b"", headers={"WWW-Authenticate": "Basic"})


@dataclass
class Fedora:
    """``path`` says where a token's blob is. ``rights``: whether API-M answers; ``shows``: whether API-A shows what is not active.

    ``ranges``: from 3.8.0 on. ``pids``: what search finds.
    """

    path: Callable[[str], Path]
    rights: bool = True
    shows: bool = False
    ranges: bool = True
    tags: bool = True
    password: str = ""
    pids: list[str] = field(default_factory=list)

    def answer(self, asked: Asked) -> Answer:
        parts = asked.path.removeprefix("/fedora").strip("/").split("/")
        match parts:
            case ["objects"]:
                return self._search(asked.query.get("query", ""))
            case ["objects", pid, "objectXML"]:
                if not self.rights:
                    return DENIED
                if self.password and "authorization" not in asked.headers:
                    return DENIED
                path = self.path(pid)
                return Answer(body=path.read_bytes(), headers={"Content-Type": "text/xml"}) if path.exists() else NOTHING
            case ["objects", pid]:
                return self._profile(pid)
            case ["objects", pid, "datastreams"]:
                return self._list(pid)
            case ["objects", pid, "datastreams", dsid, "content"]:
                return self._content(pid, dsid, asked.query.get("asOfDateTime"))
        return Answer(status=500)

    def _object(self, pid: str) -> DigitalObject | None:
        path = self.path(pid)
        return read_foxml(path.read_bytes(), pid) if path.exists() else None

    def _search(self, query: str) -> Answer:
        wanted = query.removeprefix("pid~")
        found = "".join(f"<objectFields><pid>{escape(pid)}</pid></objectFields>" for pid in self.pids if pid.lower() == wanted)
        return Answer(body=f"<result {TYPES}><resultList>{found}</resultList></result>".encode(), headers={"Content-Type": "text/xml"})

    def _profile(self, pid: str) -> Answer:
        value = self._object(pid)
        if value is None:
            return NOTHING
        if value.state is not State.ACTIVE and not self.shows:
            return DENIED
        told = f"<objLabel>{escape(value.label)}</objLabel><objState>{value.state}</objState>"
        return Answer(
            body=f"<objectProfile {ACCESS} pid={quoteattr(pid)}>{told}</objectProfile>".encode(), headers={"Content-Type": "text/xml"}
        )

    def _list(self, pid: str) -> Answer:
        value = self._object(pid)
        if value is None:
            return NOTHING
        if value.state is not State.ACTIVE and not self.shows:
            return DENIED
        rows = "".join(
            f"<datastream dsid={quoteattr(each.id)} label={quoteattr(each.label)} mimeType={quoteattr(each.mime)}/>"
            for each in value.datastreams
            if each.version is not None
        )
        return Answer(body=f"<objectDatastreams {ACCESS} pid={quoteattr(pid)}>{rows}</objectDatastreams>".encode())

    def _content(self, pid: str, dsid: str, moment: str | None) -> Answer:
        value = self._object(pid)
        found = next((each for each in value.datastreams if each.id == dsid), None) if value else None
        if found is None or found.version is None:
            return NOTHING
        if found.state is not State.ACTIVE and not self.shows and not self.rights:
            return DENIED
        if moment is not None:
            created, asked = found.created, parse_created(moment)
            if created is not None and asked is not None and created > asked:
                return NOTHING  # the version of then was replaced, or purged
        return self._bytes(pid, found)

    def _bytes(self, pid: str, found: Datastream) -> Answer:
        headers = {"Content-Type": found.mime}
        if self.tags and found.control_group in {ControlGroup.MANAGED, ControlGroup.INLINE}:
            digest = (
                found.digests[0].value
                if found.digests
                else hashlib.md5(f"{pid}{found.id}{found.version}".encode(), usedforsecurity=False).hexdigest()
            )
            headers |= {"ETag": digest, "Accept-Ranges": "bytes"}
            if found.created is not None:
                headers["Last-Modified"] = format_datetime(found.created, usegmt=True)
        if found.control_group is ControlGroup.REDIRECT:
            return Answer(status=307, headers={"Location": found.reference})
        if found.control_group is ControlGroup.INLINE:
            return Answer(body=found.inline.octets if found.inline else b"", headers=headers, ranged=self.ranges)
        path = self.path(found.reference)
        if not path.exists():
            return NOTHING
        octets, told = path.read_bytes(), found.declared_size
        if told not in {None, len(octets)}:
            headers["Content-Length"] = str(told)  # FOXML's word, whatever the store has
        return Answer(body=octets[:told], headers=headers, ranged=self.ranges and told in {None, len(octets)})
