"""This process's verifier: which bytes must be read before their end leaves, and what was found of them on its way into the ledger."""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping

from getapi import conf
from getapi.core.ledger import Examination
from getapi.core.plan import Entry
from getapi.core.source import ControlGroup, DatastreamRecord
from getapi.services import fixity, meters
from getapi.services.fixity import DatabaseLedger
from getapi.services.rounds import AWAY, UNWRITABLE, rounds
from getapi.transport.assurance import Doubt
from getapi.transport.verifier import Verifier

logger = logging.getLogger("getapi.fixity")

REMEMBERED = 60.0
"""Seconds for which a process answers from memory what it has found itself: by then it is in the ledger, whose word counts."""

MOST_WAITING = 10_000
"""Findings that are kept while the database does not answer; what is dropped is only read once more some day."""

Seen = Mapping[tuple[str, str, str], Examination]
"""By repository, PID and DSID."""


class Findings:
    """What was found and is not yet written. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, DatastreamRecord, Examination]] = []

    def add(self, entry: Entry, found: Examination) -> None:
        if found.mismatch:
            datastream = entry.datastream
            facts = {"repository": entry.repository, "pid": datastream.pid, "dsid": datastream.dsid, "algorithm": found.mismatch}
            logger.error("fixity mismatch", extra=facts)
        with self._lock:
            self._waiting.append((entry.repository, entry.datastream, found))
            del self._waiting[:-MOST_WAITING]

    def write(self) -> bool:
        """Whether more has come meanwhile. What is not taken is kept for the next time. Raises django.db.Error."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        left = _by_repository(waiting)
        try:
            while left:
                repository, readings = next(iter(left.items()))
                _record(repository, readings)
                del left[repository]
        finally:
            kept = [(repository, *reading) for repository, readings in left.items() for reading in readings]
            with self._lock:
                self._waiting = [*kept, *self._waiting][-MOST_WAITING:]
        return bool(self._waiting)


def _record(repository: str, readings: list[tuple[DatastreamRecord, Examination]]) -> None:
    """Together; one that no column takes costs no other, and is told in the log."""
    try:
        fixity.record(repository, readings)
    except AWAY:
        raise
    except UNWRITABLE:
        half = len(readings) // 2
        if half:
            _record(repository, readings[:half])
            _record(repository, readings[half:])
        else:
            datastream = readings[0][0]
            logger.exception("finding not recorded", extra={"repository": repository, "pid": datastream.pid, "dsid": datastream.dsid})


def _by_repository(
    waiting: Iterable[tuple[str, DatastreamRecord, Examination]],
) -> dict[str, list[tuple[DatastreamRecord, Examination]]]:
    found: dict[str, list[tuple[DatastreamRecord, Examination]]] = {}
    for repository, datastream, seen in waiting:
        found.setdefault(repository, []).append((datastream, seen))
    return found


def remembered() -> float:
    """Seconds; none where ``fixity.max_age`` says that each delivery is verified."""
    return min(REMEMBERED, conf.current().fixity.max_age)


def note(entry: Entry, found: Examination) -> None:
    """It goes into the ledger with the process's next round."""
    meters.count_reading(found.size, is_right=not found.mismatch)
    findings.add(entry, found)
    rounds.engage()


findings = Findings()
rounds.every_second(findings.write)
verifier = Verifier(tell=note, remember=remembered)
os.register_at_fork(after_in_child=verifier.reset)


def doubt(
    entries: Iterable[Entry], *, seen: Seen, ledger: DatabaseLedger, algorithm: str, digests: bool = False, checksums: bool = False
) -> Doubt:
    """The managed entries that must be read: what was not verified lately, or what the package says of them is not known.

    ``algorithm`` is that of the entries' digests. ``digests``, ``checksums``: what is sent tells them, those and the CRC-32.
    """

    def is_known(entry: Entry) -> bool:
        datastream = entry.datastream
        known = seen.get((entry.repository, datastream.pid, datastream.dsid))
        is_told = (not digests or entry.digest is not None) and (not checksums or entry.checksum is not None)
        is_fresh = known is not None and ledger.is_fresh(known, datastream)
        has_nothing_to_be_held_against = entry.digest is None and not entry.declared
        return is_told and (is_fresh or has_nothing_to_be_held_against)

    return Doubt(verifier=verifier, algorithm=algorithm, paths=unread(entries, is_known))


def unread(entries: Iterable[Entry], is_known: Callable[[Entry], bool] = lambda _: False) -> frozenset[str]:
    """The paths of the managed entries but for those that are known. Inline XML was hashed when it was planned, and what comes from
    elsewhere is where it is sent."""
    stored = (entry for entry in entries if entry.datastream.control_group is ControlGroup.MANAGED and not entry.datastream.remote)
    return frozenset(entry.path for entry in stored if not is_known(entry))
