"""Which datastreams of which objects a request means, and what is said of those that it cannot have (SPEC 3, 4)."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from getapi.core.access import AccessRules, Allowed, Denied, decide, decide_map, decide_object
from getapi.core.derived import Deriving
from getapi.core.errors import (
    AmbiguousName,
    ContentMissing,
    DatastreamNotFound,
    ObjectNotFound,
    ObjectUnreadable,
    SourceError,
    SourceUnavailable,
)
from getapi.core.notice import Notice, NoticeCode
from getapi.core.request import Reference
from getapi.core.restriction import Restriction
from getapi.core.source import DatastreamRecord, ObjectRecord, Source
from getapi.core.value import maker, value

_CODES: tuple[tuple[type[SourceError], NoticeCode], ...] = (
    (ObjectNotFound, NoticeCode.OBJECT_NOT_FOUND),
    (DatastreamNotFound, NoticeCode.DATASTREAM_NOT_FOUND),
    (AmbiguousName, NoticeCode.AMBIGUOUS),
    (ObjectUnreadable, NoticeCode.MALFORMED),
    (ContentMissing, NoticeCode.CONTENT_MISSING),
    (SourceUnavailable, NoticeCode.SOURCE_UNAVAILABLE),
)


class Repositories(Protocol):
    """All sources together, as planning asks them."""

    def describe(self, pid: str) -> ObjectRecord:
        """As ``Source.describe``, from whichever repository has the object."""

    def by_name(self, name: str) -> Source: ...

    def describe_ahead(self, pids: Sequence[str], repository: str | None = None) -> Mapping[str, ObjectRecord | SourceError]:
        """What ``describe`` gives or raises for these PIDs, as far as it saves time to ask for several at once: the others are left out.

        ``repository``: that one alone is asked, as by its source's own ``describe``.
        """


@value(frozen=True, slots=True, kw_only=True)
class Pick(Deriving):
    """One datastream that goes into the package; ``learned`` is its digest as the fixity ledger knows it, in the package's algorithm.

    It is kept with its object's record (``derive``), and so must not know it: what nobody asks for any more would be freed late.
    """

    repository: str
    datastream: DatastreamRecord
    learned: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.datastream.pid, self.datastream.dsid


_new_pick = maker(Pick)


@dataclass(slots=True)
class Notices:
    """The notices of one package in the order they arose, none twice."""

    _told: dict[tuple[str, str, NoticeCode], Notice] = field(default_factory=dict)
    _away: SourceUnavailable | None = None

    def tell(self, code: NoticeCode, text: str, pid: str, dsid: str = "") -> None:
        self._told.setdefault((pid, dsid, code), Notice(pid=pid, dsid=dsid, code=code, text=text))

    def tell_error(self, error: SourceError, pid: str, dsid: str = "") -> None:
        code = next((code for kind, code in _CODES if isinstance(error, kind)), NoticeCode.SOURCE_UNAVAILABLE)
        if isinstance(error, SourceUnavailable):
            self._away = error
        self.tell(code, error.sentence, pid, dsid)

    def refuse_silence(self, malformed: Collection[str]) -> None:
        """Raises SourceUnavailable where all that is told is that repositories do not answer: not for a package that holds something.

        ``malformed`` entries of the request are told without any repository: beside them an answer is still worth waiting for.
        """
        answered = (notice for notice in self if notice.code is not NoticeCode.MALFORMED or notice.pid not in malformed)
        if self._away is not None and all(notice.code is NoticeCode.SOURCE_UNAVAILABLE for notice in answered):
            raise self._away

    def __iter__(self) -> Iterator[Notice]:
        return iter(self._told.values())


@dataclass(slots=True)
class Card:
    """An object's datastreams, and what its repository restricts, by DSID: neither is searched again for each of thousands of pointers."""

    record: ObjectRecord
    _exact: dict[str, DatastreamRecord] = field(init=False)
    _alike: dict[str, list[DatastreamRecord]] = field(init=False)
    _closing: dict[str | None, list[Restriction]] = field(init=False)

    def __post_init__(self) -> None:
        self._exact, self._alike, self._closing = {}, {}, {}
        for datastream in self.record.datastreams:
            self._exact.setdefault(datastream.dsid, datastream)
            self._alike.setdefault(datastream.dsid.casefold(), []).append(datastream)
        for restriction in self.record.restrictions:
            folded = None if restriction.dsid is None else restriction.dsid.casefold()
            self._closing.setdefault(folded, []).append(restriction)

    def match(self, dsid: str) -> DatastreamRecord:
        """The datastream of that id: exactly, else the only one that is alike without regard to case (SPEC 3).

        Raises DatastreamNotFound, AmbiguousName.
        """
        if dsid in self._exact:
            return self._exact[dsid]
        alike = self._alike.get(dsid.casefold(), [])
        if not alike:
            raise DatastreamNotFound(self.record.pid, dsid)
        if len(alike) > 1:
            raise AmbiguousName(dsid)
        return alike[0]

    def about(self, datastream: DatastreamRecord) -> ObjectRecord:
        """The record with those restrictions alone that concern the whole object or this datastream."""
        closing = (*self._closing.get(None, ()), *self._closing.get(datastream.dsid.casefold(), ()))
        return replace(self.record, restrictions=closing)


@dataclass(slots=True)
class Catalogue:
    """The objects that a request touches, each described once, and the access decision on each datastream."""

    repositories: Repositories
    rules: AccessRules
    now: datetime
    _asked: dict[str, ObjectRecord | SourceError] = field(default_factory=dict)
    _ahead: dict[str, ObjectRecord | SourceError] = field(default_factory=dict)
    _cards: dict[str, Card] = field(default_factory=dict)

    def find(self, pid: str) -> ObjectRecord | SourceError:
        """What ``Source.describe`` gives or raises, every time the same."""
        found = self._asked.get(pid)
        if found is None:
            found = self._describe(pid)
            self._asked[pid] = found
        return found

    def ask_ahead(self, pids: Iterable[str]) -> None:
        """These objects will be asked for: those that it takes a while to ask for are, together."""
        unknown = [pid for pid in dict.fromkeys(pids) if pid not in self._asked and pid not in self._ahead]
        self._ahead.update(self.repositories.describe_ahead(unknown))

    def _describe(self, pid: str) -> ObjectRecord | SourceError:
        try:
            record = (self._ahead.pop(pid, None) if self._ahead else None) or self.repositories.describe(pid)
        except SourceError as error:
            record = error
        if isinstance(record, SourceError):
            # Only what it says is kept. Its traces hold what was being read, and by this catalogue itself: many megabytes that would wait
            # for the garbage collector, which counts objects.
            record.__traceback__ = record.__context__ = record.__cause__ = None
            return record
        if record.pid == pid:
            return record
        # Another spelling of an object already described: one object, one record.
        known = self._asked.get(record.pid)
        return known if isinstance(known, ObjectRecord) else self._asked.setdefault(record.pid, record)

    def match(self, record: ObjectRecord, dsid: str) -> DatastreamRecord:
        """As ``Card.match``."""
        return self._card(record).match(dsid)

    def decide(self, record: ObjectRecord, datastream: DatastreamRecord) -> Allowed | Denied:
        about = self._card(record).about(datastream) if record.restrictions else record
        return decide(about, datastream, self.rules, self.now)

    def decide_map(self, record: ObjectRecord, datastream: DatastreamRecord) -> Allowed | Denied:
        return decide_map(record, datastream, self.rules, self.now)

    def decide_object(self, record: ObjectRecord) -> Allowed | Denied:
        return decide_object(record, self.rules, self.now)

    def _card(self, record: ObjectRecord) -> Card:
        return self._cards.get(record.pid) or self._cards.setdefault(record.pid, Card(record))


def find_record(catalogue: Catalogue, pid: str, notices: Notices, *, direct: bool = True) -> ObjectRecord | None:
    """The object if it may be spoken of; otherwise None and a notice, for a map's pointer (``direct`` False) none of an inactive one."""
    record = catalogue.find(pid)
    if isinstance(record, SourceError):
        notices.tell_error(record, pid)
        return None
    verdict = catalogue.decide_object(record)
    if isinstance(verdict, Allowed):
        return record
    if direct or verdict.mentioned:
        notices.tell(verdict.code, verdict.text, record.pid)
    return None


def pick_all(catalogue: Catalogue, record: ObjectRecord, notices: Notices) -> Sequence[Pick]:
    """All public datastreams of an object, in the object's order; reserved and inactive ones are not even mentioned (SPEC 4)."""
    if record.restrictions:
        picks, denials = _offer(catalogue, record)
    else:
        picks, denials = record.derive("offer", catalogue.rules.mark, _offer, catalogue, record)
    for denied, dsid in denials:
        notices.tell(denied.code, denied.text, record.pid, dsid)
    return picks


def _offer(catalogue: Catalogue, record: ObjectRecord) -> tuple[Sequence[Pick], Sequence[tuple[Denied, str]]]:
    """An object's picks and what is told of its other datastreams. Restrictions begin and end; where there are none no clock is asked."""
    picks: list[Pick] = []
    denials: list[tuple[Denied, str]] = []
    for datastream in record.datastreams:
        verdict = catalogue.decide(record, datastream)
        if isinstance(verdict, Allowed):
            picks.append(_new_pick(repository=record.repository, datastream=datastream))
        elif verdict.mentioned:
            denials.append((verdict, datastream.dsid))
    return tuple(picks), tuple(denials)


def pick_one(catalogue: Catalogue, record: ObjectRecord, dsid: str, notices: Notices, *, direct: bool) -> list[Pick]:
    """The datastream of that id, or nothing and a notice; a map's pointer (``direct`` False) is as silent as a blanket request."""
    try:
        datastream = catalogue.match(record, dsid)
    except SourceError as error:
        notices.tell_error(error, record.pid, dsid)
        return []
    verdict = catalogue.decide(record, datastream)
    if isinstance(verdict, Allowed):
        return [Pick(repository=record.repository, datastream=datastream)]
    if direct or verdict.mentioned:
        notices.tell(verdict.code, verdict.text, record.pid, datastream.dsid)
    return []


def pick_named(catalogue: Catalogue, references: Iterable[Reference], notices: Notices) -> list[tuple[ObjectRecord, Sequence[Pick]]]:
    """What ``files`` means: objects in the order first named, each with its picks in its own order, nothing twice."""
    records: dict[str, ObjectRecord] = {}
    wanted: dict[str, list[str] | None] = {}
    for reference in references:
        record = find_record(catalogue, reference.pid, notices)
        if record is None:
            continue
        records[record.pid] = record
        asked = wanted.setdefault(record.pid, [])
        if reference.dsid is None:
            wanted[record.pid] = None
        elif asked is not None:
            asked.append(reference.dsid)
    return [
        (records[pid], pick_all(catalogue, records[pid], notices) if dsids is None else _pick_some(catalogue, records[pid], dsids, notices))
        for pid, dsids in wanted.items()
    ]


def _pick_some(catalogue: Catalogue, record: ObjectRecord, dsids: Iterable[str], notices: Notices) -> list[Pick]:
    picks = {pick.key: pick for dsid in dsids for pick in pick_one(catalogue, record, dsid, notices, direct=True)}
    position = {datastream.dsid: index for index, datastream in enumerate(record.datastreams)}
    return sorted(picks.values(), key=lambda pick: position[pick.datastream.dsid])
