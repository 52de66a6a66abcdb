"""Every managed datastream of a repository read once, for the ledger; cut anywhere, it goes on with what is not yet known."""

import time
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import cast

from getapi.core.errors import ContentChanged, DatastreamNotFound, SourceError, SourceUnavailable
from getapi.core.ledger import Examination
from getapi.core.notice import NoticeCode
from getapi.core.planner import FAULTS
from getapi.core.source import ControlGroup, DatastreamRecord, Source
from getapi.services import fixity
from getapi.services.fixity import DatabaseLedger
from getapi.sources.folders import refuse_empty
from getapi.sources.holdings import Holdings
from getapi.transport.examination import Checks, examine

Progress = Callable[[int], object]

AT_ONCE = 100
"""Objects that are described, and looked up in the ledger, together."""

PAGE = 200
"""Readings that are written at once at most."""

PATIENCE = 5.0
"""Seconds after which what was read is written, so that an interrupted scan loses little."""


class Outcome(StrEnum):
    """``KNOWN``: verified lately, and not read again."""

    SOUND = "sound"
    KNOWN = "known"
    MISMATCH = "mismatch"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One datastream's outcome, or with ``dsid`` "" that of an object that cannot be read. ``octets`` were read."""

    pid: str
    dsid: str = ""
    outcome: Outcome
    octets: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One of several parts of all objects, for processes side by side: ``number`` from 1 to ``of``."""

    number: int = 1
    of: int = 1

    def holds(self, pid: str) -> bool:
        return zlib.crc32(pid.encode()) % self.of == self.number - 1


def stored_pids(stores: Holdings, share: Share) -> Iterator[str]:
    """The PIDs of a repository's objects, folder by folder. Raises SourceUnavailable."""
    try:
        for folder in stores.walk("objects"):
            yield from filter(share.holds, stores.tokens("objects", folder))
    except OSError as error:
        raise SourceUnavailable(stores.name) from error


def _refuse_absent(stores: Holdings) -> None:
    """Raises SourceUnavailable where it is not one object or datastream that cannot be read, but a whole store."""
    try:
        for root in stores.roots.values():
            refuse_empty(root)
    except OSError as error:
        raise SourceUnavailable(stores.name) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a scan of one repository reads, and what it computes of it: CRC-32, ``learn``, and every declared algorithm.

    ``failed`` reads what is recorded as wrong, and that alone; what is right now is lifted. ``stores``: where the repository lies, if it is
    on disk.
    """

    source: Source
    stores: Holdings | None = None
    ledger: DatabaseLedger
    learn: frozenset[str]
    failed: bool = False
    progress: Progress = lambda _: None
    clock: Callable[[], float] = time.monotonic

    def run(self, pids: Iterable[str]) -> Generator[list[Finding]]:
        """For each object, in order, its datastreams' findings. What was read is written when the iterator is closed, at the latest.

        Raises SourceUnavailable where a store has gone away: of a million objects not each need be told.
        """
        wrong = fixity.mismatched(self.source.name) if self.failed else {}
        pages, left = _Pages(self.source.name, lift=self.failed, clock=self.clock), iter(pids)
        try:
            while some := list(islice(left, AT_ONCE)):
                described = {pid: self._describe(pid, wrong.get(pid, set())) for pid in some}
                managed = [each for found in described.values() if not isinstance(found, SourceError) for each in found]
                known = fixity.recall(self.source.name, managed)
                for pid, found in described.items():
                    yield [self._unread(pid, "", found)] if isinstance(found, SourceError) else self._findings(found, known, pages)
        finally:
            pages.write()

    def _describe(self, pid: str, wrong: set[str]) -> list[DatastreamRecord] | SourceError:
        try:
            record = self.source.describe(pid)
        except SourceError as error:
            return error
        managed = [each for each in record.datastreams if each.control_group is ControlGroup.MANAGED]
        if not self.failed:
            return managed
        fixity.forget(self.source.name, pid, wrong - {each.dsid for each in managed})
        return [each for each in managed if each.dsid in wrong]

    def _findings(
        self, datastreams: Iterable[DatastreamRecord], known: Mapping[tuple[str, str], Examination], pages: "_Pages"
    ) -> list[Finding]:
        return [self._find(each, known.get((each.pid, each.dsid)), pages) for each in datastreams]

    def _find(self, datastream: DatastreamRecord, seen: Examination | None, pages: "_Pages") -> Finding:
        if seen and not self.failed and (seen.mismatch or self._is_enough(seen, datastream)):
            return _finding(datastream, seen, Outcome.KNOWN)
        if datastream.fault is not None:
            return Finding(pid=datastream.pid, dsid=datastream.dsid, outcome=Outcome.UNREAD, text=FAULTS[NoticeCode(datastream.fault)])
        try:
            current, reading = self._read(datastream, seen)
        except SourceError as error:
            return self._unread(datastream.pid, datastream.dsid, error)
        pages.add(current, reading)
        return _finding(current, reading, Outcome.SOUND)

    def _unread(self, pid: str, dsid: str, error: SourceError) -> Finding:
        if self.stores is not None and isinstance(error, SourceUnavailable):
            _refuse_absent(self.stores)
        return Finding(pid=pid, dsid=dsid, outcome=Outcome.UNREAD, text=error.in_full)

    def _is_enough(self, seen: Examination, datastream: DatastreamRecord) -> bool:
        return self.ledger.is_fresh(seen, datastream) and seen.crc32 is not None and self.learn <= seen.digests.keys()

    def _read(self, datastream: DatastreamRecord, seen: Examination | None) -> tuple[DatastreamRecord, Examination]:
        """The datastream as it is now, which may be newer than when its object was described, and the reading of it."""
        checks = fixity.check_against(datastream, seen, self.learn)
        try:
            return datastream, self._examine(datastream, checks)
        except ContentChanged:
            now = self._again(datastream)
            return now, self._examine(now, fixity.check_against(now, None, self.learn))

    def _examine(self, datastream: DatastreamRecord, checks: Checks) -> Examination:
        steps = examine(partial(self.source.open, datastream), datastream, checks, repository=self.source.name)
        while True:
            try:
                self.progress(next(steps))
            except StopIteration as end:
                return cast("Examination", end.value)

    def _again(self, datastream: DatastreamRecord) -> DatastreamRecord:
        record = self.source.describe(datastream.pid)
        found = next((each for each in record.datastreams if each.dsid == datastream.dsid and not each.fault), None)
        if found is None:
            raise DatastreamNotFound(datastream.pid, datastream.dsid)
        return found


class _Pages:
    """Readings that wait to be written: some hundred, or those of some seconds, in one transaction."""

    def __init__(self, repository: str, *, lift: bool, clock: Callable[[], float]) -> None:
        self._repository = repository
        self._lift = lift
        self._clock = clock
        self._waiting: list[tuple[DatastreamRecord, Examination]] = []
        self._written = clock()

    def add(self, datastream: DatastreamRecord, seen: Examination) -> None:
        self._waiting.append((datastream, seen))
        if len(self._waiting) >= PAGE or self._clock() - self._written >= PATIENCE:
            self.write()

    def write(self) -> None:
        if self._waiting:
            fixity.record(self._repository, self._waiting, lift=self._lift)
        self._waiting, self._written = [], self._clock()


def _finding(datastream: DatastreamRecord, seen: Examination, sound: Outcome) -> Finding:
    text = f"{FAULTS[NoticeCode.FIXITY]} ({seen.mismatch})" if seen.mismatch else ""
    octets = 0 if sound is Outcome.KNOWN else seen.size
    outcome = Outcome.MISMATCH if seen.mismatch else sound
    return Finding(pid=datastream.pid, dsid=datastream.dsid, outcome=outcome, octets=octets, text=text)
