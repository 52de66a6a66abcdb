"""Files that other servers make of a thing, or keep for it: which of several addresses has one, and its bytes."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from getapi.core.errors import ContentMissing, SourceUnavailable
from getapi.core.iiif.image import Candidate
from getapi.core.iiif.rewrite import rewrite
from getapi.core.notice import Caveat, NoticeCode
from getapi.core.source import DatastreamRecord
from getapi.sources.http import Exchange, UrlRefused
from getapi.sources.objectcache import ObjectCache
from getapi.sources.peer import Peer
from getapi.sources.picturecontent import PictureContent, is_another_kind
from getapi.sources.remotecontent import RemoteContent
from getapi.sources.remotefile import Headers, is_same_mark, mark, told_length
from getapi.sources.unanswered import ServerLate
from getapi.sources.unsizedcontent import UnsizedContent
from getapi.sources.waiting import waiting

LOOKING = 5.0
"""Seconds for one look, connecting included: a thread that plans waits for it."""

ENOUGH = 45.0
"""Seconds for all looks at the files of one object; what was not looked at by then is believed to be there, of a size that nobody knows."""

REMEMBERED = 300.0
"""Seconds for which what was seen counts: whoever resumes has all of an object's files looked at again."""

MISSED = 60.0
"""Seconds for which a server that did not answer is not asked again about the same file."""

_HEADLESS = frozenset({405, 501})
_NONE = frozenset({400, 401, 403, 404, 406, 410, 415, 422})
"""What is said where there is no such rendition: a server that does not know a form of request calls it bad."""

_OCTETS = 512
"""What is remembered of one file takes in memory, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A file that is there. ``size`` None: nobody can say before it is made. ``mark`` is what its server gives to tell versions apart."""

    url: str
    mime: str
    size: int | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """Why none of the addresses will do: ``source-unavailable``, ``malformed`` (no picture), ``external`` (of a host that is not asked)
    or ``content-missing``. ``believed`` may be there nevertheless: its server takes longer to say so than a look lasts, as one does that
    renders a picture for HEAD too. Whoever has nothing better may read it, and then it shows."""

    code: NoticeCode
    believed: Seen | None = None


Look = Seen | Unseen
_RANKS = (NoticeCode.SOURCE_UNAVAILABLE, NoticeCode.MALFORMED, NoticeCode.CONTENT_MISSING, NoticeCode.EXTERNAL)
"""Of several reasons the one that is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A file that was chosen once: ``datastream`` as it was planned then, with the ``mark`` that it had, "" for none. ``version`` and
    ``candidates`` are what its repository says of the thing now."""

    datastream: DatastreamRecord
    mark: str
    version: str
    candidates: Sequence[Candidate]


@dataclass(frozen=True, slots=True)
class _Memory:
    look: Look
    until: float


class Renditions:
    """Asks ``peer``'s hosts alone. Safe for threads. ``rules`` send what begins with their keys elsewhere (core.iiif.rewrite)."""

    def __init__(
        self,
        peer: Peer,
        *,
        rules: Mapping[str, str] | None = None,
        at_once: int = 8,
        looking: float = LOOKING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._peer = peer
        self._rules = dict(rules or {})
        self._at_once = at_once
        self._looking = looking
        self._clock = clock
        self._memory = ObjectCache[tuple[str, ...], _Memory](count=100_000)

    def look_at_all(self, wanted: Sequence[tuple[str, Sequence[Candidate]]]) -> list[Look]:
        """For each, given as the version of the thing and its addresses, the first address that has it."""
        end = self._clock() + ENOUGH
        known = [self._recall(version, candidates) for version, candidates in wanted]
        if sum(each is None for each in known) < 2:
            return [each or self._look(*thing, end) for each, thing in zip(known, wanted, strict=True)]
        repository = self._peer.client.repository
        with waiting(repository), ThreadPoolExecutor(self._at_once, thread_name_prefix="looking") as pool:
            looking = [pool.submit(self._look, *thing, end) if each is None else each for each, thing in zip(known, wanted, strict=True)]
            return [each if isinstance(each, Seen | Unseen) else each.result() for each in looking]

    def still_there(self, planned: Sequence[Planned]) -> list[bool | None]:
        """Whether each is where it was and is the same, as far as its server tells; None while that does not answer."""
        wanted = [(each.version, [one for one in each.candidates if self._leads_to(one, each.datastream)][:1]) for each in planned]
        return [self._is_same(each, look) for each, look in zip(planned, self.look_at_all(wanted), strict=True)]

    def _leads_to(self, candidate: Candidate, datastream: DatastreamRecord) -> bool:
        return rewrite(candidate.url, self._rules) == datastream.location

    def _is_same(self, planned: Planned, look: Look) -> bool | None:
        if isinstance(look, Unseen):
            return None if look.code is NoticeCode.SOURCE_UNAVAILABLE else False
        is_alike = look.size in {None, planned.datastream.size} and is_same_mark(planned.mark, look.mark)
        return is_alike and not self.is_blamed(planned.datastream)

    def open(
        self, datastream: DatastreamRecord, start: int = 0, *, is_same: Callable[[Headers], bool] | None = None
    ) -> RemoteContent | PictureContent:
        """The bytes at the record's location. Raises as ``RemoteFiles.open`` does.

        What the record has no size for is read to its end, and is held to be a whole picture.
        """
        files = self._peer.files
        try:
            content = files.open(datastream, datastream.location, start, is_same=is_same)
        except ContentMissing:
            files.blame.put(datastream)  # its repository had said that it is there
            raise
        if isinstance(content, UnsizedContent):
            return PictureContent(content, datastream, repository=self._peer.client.repository)
        return content

    def is_blamed(self, datastream: DatastreamRecord) -> bool:
        """Whether what is said of it turned out lately not to be so."""
        return self._peer.files.blame.rests_on(datastream)

    def judge(self, datastream: DatastreamRecord, text: str) -> DatastreamRecord:
        """What was found not to be there, or not to be as it was said, is left out for a while, and ``text`` is told."""
        if datastream.fault is not None or not self.is_blamed(datastream):
            return datastream
        return replace(datastream, fault=NoticeCode.MALFORMED, caveat=Caveat(code=NoticeCode.MALFORMED, text=text))

    def _recall(self, version: str, candidates: Sequence[Candidate]) -> Look | None:
        found = self._memory.get(_key(version, candidates))
        return found.look if found is not None and self._clock() < found.until else None

    def _look(self, version: str, candidates: Sequence[Candidate], end: float) -> Look:
        key = _key(version, candidates)
        before = self._memory.get(key)
        if self._clock() >= end:
            if before is not None and isinstance(before.look, Seen):
                return before.look
            believed = _believe(candidates, self._rules)
            self._memory.put(key, _Memory(believed, 0.0), _OCTETS * (1 + len(candidates)))  # looked at the next time
            return believed
        found = _steady(self._search(candidates), None if before is None else before.look)
        is_away = isinstance(found, Unseen) and found.code is NoticeCode.SOURCE_UNAVAILABLE
        if is_away and before is not None and isinstance(before.look, Seen):
            found = before.look  # it was there and is not said to be gone: another choice would be another package
        self._memory.put(key, _Memory(found, self._clock() + (MISSED if is_away else REMEMBERED)), _OCTETS * (1 + len(candidates)))
        return found

    def _search(self, candidates: Sequence[Candidate]) -> Look:
        reasons: set[NoticeCode] = {NoticeCode.CONTENT_MISSING} if not candidates else set()
        believed: Seen | None = None
        for candidate in candidates:
            url = rewrite(candidate.url, self._rules)
            try:
                found = NoticeCode.EXTERNAL if url is None else self._ask(url, candidate.mime)
            except ServerLate:
                found, believed = NoticeCode.SOURCE_UNAVAILABLE, Seen(url=url or "", mime=candidate.mime)
            if isinstance(found, Seen):
                return found
            reasons.add(found)
            if found is NoticeCode.SOURCE_UNAVAILABLE:
                break  # its other forms come from the same server
        return Unseen(code=next(code for code in _RANKS if code in reasons), believed=believed)

    def _ask(self, url: str, mime: str) -> Seen | NoticeCode:
        """What HEAD says; where a server does not know that, what GET says before its body is read. Raises ServerLate."""
        try:
            exchange = self._head(url, "HEAD")
            if exchange.status in _HEADLESS:
                exchange = self._head(url, "GET")
        except UrlRefused:
            return NoticeCode.EXTERNAL
        except ServerLate:
            raise
        except SourceUnavailable:
            return NoticeCode.SOURCE_UNAVAILABLE
        if exchange.status != 200:
            return NoticeCode.CONTENT_MISSING if exchange.status in _NONE else NoticeCode.SOURCE_UNAVAILABLE
        if is_another_kind(exchange.headers.get("Content-Type", ""), mime):
            return NoticeCode.MALFORMED
        version = mark(exchange.headers)
        # Without one other bytes of the same size would be taken for these: then it is as one whose size nobody tells, and is put aside.
        return Seen(url=url, mime=mime, size=told_length(exchange.headers) if version else None, mark=version)

    def _head(self, url: str, method: str) -> Exchange:
        client = self._peer.client
        exchange = client.ask(url, deadline=client.clock() + self._looking, method=method, brief=True)
        exchange.close()
        return exchange


def _steady(found: Look, before: Look | None) -> Look:
    """What was believed once has no mark. It gets none later while nobody knows its size as before: it would be another version, and a
    preparation that has begun meanwhile would not know it again."""
    believed = before.believed if isinstance(before, Unseen) else before
    is_same = isinstance(found, Seen) and found.size is None and believed is not None and replace(found, mark="") == believed
    return believed if is_same and believed is not None else found


def _key(version: str, candidates: Sequence[Candidate]) -> tuple[str, ...]:
    return (version, *(candidate.url for candidate in candidates))


def _believe(candidates: Sequence[Candidate], rules: Mapping[str, str]) -> Look:
    for candidate in candidates:
        url = rewrite(candidate.url, rules)
        if url is not None:
            return Seen(url=url, mime=candidate.mime)
    return Unseen(code=NoticeCode.CONTENT_MISSING)
