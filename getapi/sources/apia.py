"""What Fedora 3 shows without API-M rights: an object's profile, its datastreams' names, and their bytes (fedora.md 3)."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from lxml import etree

from getapi.core.errors import ObjectUnreadable, SourceUnavailable, XmlRefused
from getapi.core.notice import NoticeCode
from getapi.core.source import ControlGroup, DatastreamRecord, ObjectRecord, State
from getapi.core.xml import parse
from getapi.sources.datastreams import UNLISTED
from getapi.sources.digitalobject import parse_state
from getapi.sources.http import Exchange
from getapi.sources.peer import Peer
from getapi.sources.waiting import waiting

MAX_OCTETS = 4 * 2**20
MOST = 5000
"""Datastreams of one object; more are no object."""

AT_ONCE = 4
"""Datastreams of one object that are asked for at the same time."""

_SIZE = re.compile(r"[0-9]{1,18}")
_XML = {"format": "xml"}
T = TypeVar("T")


class ApiA:
    """Asks one Fedora. What it refuses to show is not there, or not active: it says 401 to both."""

    def __init__(self, peer: Peer, *, repository: str) -> None:
        self._peer = peer
        self._repository = repository

    def search(self, pid: str) -> list[str]:
        """PIDs alike, as far as Fedora's search tells: whether it heeds case is its database's business. Raises SourceUnavailable."""
        query = {"query": f"pid~{pid.lower()}", "pid": "true", "resultFormat": "xml", "maxResults": "25"}
        root = self._document(pid, self._peer.url("objects", query=query))
        return [] if root is None else [text for found in root.iter("{*}pid") if (text := (found.text or "").strip())]

    def datastreams(self, pid: str) -> tuple[DatastreamRecord, ...] | None:
        """Their names alone, whatever their state; None where there is no such object.

        Raises ObjectUnreadable for one that is not shown, SourceUnavailable.
        """
        root = self._document(pid, self._peer.url("objects", pid, "datastreams", query=_XML), shown=True)
        if root is None:
            return None
        found = [each for each in root.iter("{*}datastream") if each.get("dsid", "") not in {"", *UNLISTED}]
        if len(found) > MOST:
            raise ObjectUnreadable(pid, f"it has more than {MOST} datastreams")
        return tuple(
            DatastreamRecord(
                pid=pid, dsid=each.get("dsid", ""), version="", mime=each.get("mimeType", ""), label=each.get("label", ""), remote=True
            )
            for each in found
        )

    def describe(self, pid: str) -> ObjectRecord | None:
        """The object with what a look at each of its datastreams tells. Raises as ``datastreams`` does."""
        profile = self._document(pid, self._peer.url("objects", pid, query=_XML), shown=True)
        listed = None if profile is None else self.datastreams(pid)
        if profile is None or listed is None:
            return None
        told = (profile.findtext(".//{*}objState") or "").strip()
        state = parse_state(told) if told else None  # an old Fedora tells none: that is not Active
        if state is None:
            raise ObjectUnreadable(pid, "its state is not told, or not one that Fedora knows")
        with waiting(self._repository), ThreadPoolExecutor(AT_ONCE, thread_name_prefix="looking") as pool:
            looked = tuple(pool.map(self._look, listed))
        label = (profile.findtext(".//{*}objLabel") or "").strip()
        return ObjectRecord(pid=pid, repository=self._repository, state=state, label=label, datastreams=looked)

    def _look(self, named: DatastreamRecord) -> DatastreamRecord:
        location = self._peer.url("objects", named.pid, "datastreams", named.dsid, "content")
        answer = self._peer.head(location, follows=False)
        facts = _facts(answer)
        if facts is None:
            raise SourceUnavailable(self._repository)
        return DatastreamRecord(
            pid=named.pid,
            dsid=named.dsid,
            mime=named.mime,
            label=named.label,
            remote=True,
            location=location.removeprefix(self._peer.base),
            **facts,  # type: ignore[arg-type] # the record's own fields
        )

    def _document(self, pid: str, url: str, *, shown: bool = False) -> etree._Element | None:
        """None for what is not there; ``shown``: what may not be seen is not that."""
        found = self._peer.fetch(url, limit=MAX_OCTETS)
        if found.status == 200:
            try:
                return parse(found.octets, max_octets=MAX_OCTETS)
            except XmlRefused:
                raise SourceUnavailable(self._repository) from None
        if found.status in {401, 403} and shown:
            raise ObjectUnreadable(pid, "the repository does not show it to this service")
        return None


def _facts(answer: Exchange) -> dict[str, object] | None:
    """What the head of a datastream's answer tells of it, as DatastreamRecord's fields; None where it is no answer."""
    if answer.status == 200:
        tag, date, length = (answer.headers.get(name, "") for name in ("ETag", "Last-Modified", "Content-Length"))
        size = int(length) if _SIZE.fullmatch(length) else None
        version = tag.strip('"') or date or "0"
        return {"version": version, "size": size, "identity": f"{version}:{size}", "created": _moment(date)}
    if answer.response.is_redirect:
        return {"version": "0", "control_group": ControlGroup.REDIRECT}
    if answer.status in {401, 403}:
        return {"version": "0", "state": State.INACTIVE}
    return {"version": "0", "fault": NoticeCode.CONTENT_MISSING} if answer.status in {404, 410} else None


def _moment(date: str) -> datetime | None:
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except (ValueError, TypeError):
        return None
