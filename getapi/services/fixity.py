"""The fixity ledger: what datastreams were when they were last read whole, in all processes (SPEC 5)."""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from getapi import conf
from getapi.core.ledger import Examination
from getapi.core.source import ControlGroup, DatastreamRecord
from getapi.models import Fixity, FixityRevision
from getapi.services.ledgermemory import LedgerMemory
from getapi.transport.examination import Checks, by_algorithm

Key = tuple[str, str]
"""PID and DSID: of a datastream only the current version counts."""

AT_ONCE = 500
"""PIDs that one query names."""

LONGEST = 255
"""What a column holds."""

AHEAD = 300.0
"""Seconds that another machine's clock may be ahead. What seems to have been read later than that was read while a clock was wrong."""

LONG = timedelta(days=2)
"""Within which a reading is written that was begun: one that seems to be older than another by more is not late, but that one's clock was
wrong."""


class DatabaseLedger:
    """The ledger as planning asks it (core.ledger.Ledger); ``max_age`` in seconds, 0: no sound reading is ever recent enough."""

    def __init__(self, *, max_age: float, now: datetime) -> None:
        self._max_age = max_age
        self._now = now

    def look_up(self, repository: str, datastreams: Iterable[DatastreamRecord]) -> Mapping[Key, Examination]:
        asked = _may_be_kept(datastreams)
        return _memory.look_up(repository, _revision(repository), asked, _read) if asked else {}

    def is_fresh(self, seen: Examination, datastream: DatastreamRecord) -> bool:
        """Whether the datastream need not be read again now."""
        age = (self._now - seen.verified).total_seconds()
        return age > -AHEAD and max(age, 0.0) < self._max_age and seen.vouches_for(datastream)


_memory = LedgerMemory()


def _read(repository: str, datastreams: Iterable[DatastreamRecord]) -> Mapping[Key, Examination]:
    return {key: seen for key, seen, datastream in _recall(repository, datastreams) if seen.mismatch or seen.vouches_for(datastream)}


def _revision(repository: str) -> str:
    """Empty where nothing was ever written."""
    with connection.cursor() as cursor:
        cursor.execute(_REVISION, [repository])
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def _revise(repository: str) -> None:
    """The last step of what writes, in its transaction and once in it: so those who wait for each other here wait for nothing else."""
    row = FixityRevision(repository=repository, value=secrets.token_hex(16))
    FixityRevision.objects.bulk_create([row], update_conflicts=True, unique_fields=["repository"], update_fields=["value"])


def current_ledger() -> DatabaseLedger:
    """The ledger by the current configuration and time."""
    return DatabaseLedger(max_age=conf.current().fixity.max_age, now=timezone.now())


def is_kept(datastream: DatastreamRecord) -> bool:
    """Whether the ledger can know it: a managed datastream whose bytes have an identity."""
    if datastream.control_group is not ControlGroup.MANAGED or not datastream.identity:
        return False
    return max(len(datastream.pid), len(datastream.dsid), len(datastream.version), len(datastream.identity)) <= LONGEST


def recall(repository: str, datastreams: Iterable[DatastreamRecord]) -> dict[Key, Examination]:
    """What was seen of these very bytes, however long ago: where version or identity are others, nothing."""
    return {key: seen for key, seen, _ in _recall(repository, _may_be_kept(datastreams))}


def _may_be_kept(datastreams: Iterable[DatastreamRecord]) -> list[DatastreamRecord]:
    """Not what ``is_kept``: of what is longer than a column there is no row anyway."""
    managed = ControlGroup.MANAGED
    return [each for each in datastreams if each.control_group is managed and each.identity]


def _recall(repository: str, datastreams: Iterable[DatastreamRecord]) -> Iterator[tuple[Key, Examination, DatastreamRecord]]:
    asked = {(each.pid, each.dsid): each for each in datastreams}
    for pid, dsid, version, *facts in _select(repository, asked):
        datastream = asked.get((pid, dsid))
        if datastream is not None and version == datastream.version and facts[0] == datastream.identity:
            yield (pid, dsid), _seen(*facts), datastream


def mismatched(repository: str) -> dict[str, set[str]]:
    """The DSIDs that are recorded as wrong, by PID."""
    found: dict[str, set[str]] = {}
    rows = Fixity.objects.filter(repository=repository, verdict=Fixity.Verdict.MISMATCH)
    for pid, dsid in rows.order_by("pid", "dsid").values_list("pid", "dsid"):
        found.setdefault(pid, set()).add(dsid)
    return found


def forget(repository: str, pid: str, dsids: Iterable[str]) -> None:
    """For datastreams that the object has no more."""
    gone = list(dsids)
    if not gone:
        return
    with transaction.atomic():
        Fixity.objects.filter(repository=repository, pid=pid, dsid__in=gone).delete()
        _revise(repository)


def record(repository: str, readings: Iterable[tuple[DatastreamRecord, Examination]], *, lift: bool = False) -> None:
    """Writes down what was read; each datastream once. Doing it twice, or in two processes, is as doing it once.

    A recorded mismatch of the same bytes stays whatever others saw, unless ``lift`` says that it was to be looked at again.
    """
    given = {(datastream.pid, datastream.dsid): (datastream, seen) for datastream, seen in readings if is_kept(datastream)}
    if not given:
        return
    with transaction.atomic():
        fresh = [_enter(Fixity(repository=repository), *given[key]) for key in sorted(given)]
        Fixity.objects.bulk_create(fresh, ignore_conflicts=True)
        for rows in _rows(repository, given, Fixity.objects.select_for_update()):
            for row in rows:
                reading = given.get((row.pid, row.dsid))
                if reading is None or (not lift and _stays(row, *reading)):
                    continue
                if row.version != reading[0].version:
                    row.delete()
                else:
                    _enter(row, *reading).save()
        _revise(repository)


def check_against(datastream: DatastreamRecord, seen: Examination | None, learn: frozenset[str]) -> Checks:
    """What to compare a new reading with: what is declared, and where nothing is, what the same file had when it was read before."""
    said, before = by_algorithm(datastream.digests), seen.digests if seen else {}
    return Checks(learn=learn, expected=said | {name: value for name, value in before.items() if name not in said})


def _rows(repository: str, keys: Iterable[Key], rows: QuerySet[Fixity]) -> Iterator[QuerySet[Fixity]]:
    """Those of the keys' objects, some hundred at a time and in one order, so that two processes never wait for each other."""
    for pids in _divide(keys):
        yield rows.filter(repository=repository, pid__in=pids).order_by("pk")


def _divide(keys: Iterable[Key]) -> Iterator[list[str]]:
    """The keys' PIDs, as many as one query names at a time."""
    pids = sorted({pid for pid, _ in keys})
    for start in range(0, len(pids), AT_ONCE):
        yield pids[start : start + AT_ONCE]


_REVISION = f"SELECT value FROM {FixityRevision._meta.db_table} WHERE repository = %s"  # noqa: S608, SLF001 # as _SELECT

_SELECT = f"""SELECT pid, dsid, version, identity, size, CAST(digests AS text), crc32, CAST(verified AS text), verdict, algorithm
FROM {Fixity._meta.db_table} WHERE repository = %s AND pid IN ({{}})"""  # noqa: S608, SLF001 # a table's name; _meta is Django's own interface
"""Texts where making values of them would cost more than all the rest, and no QuerySet: it takes three times as long as the database, and
planning has milliseconds for a thousand rows."""


def _select(repository: str, keys: Iterable[Key]) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        for pids in _divide(keys):
            cursor.execute(_SELECT.format(",".join(["%s"] * len(pids))), [repository, *pids])
            yield from cursor.fetchall()


@lru_cache(maxsize=8192)
def _seen(identity: str, size: int, digests: str, crc32: int | None, verified: str, verdict: str, algorithm: str) -> Examination:
    """Rows that did not change are read again whenever others of the repository did."""
    when = datetime.fromisoformat(verified)
    return Examination(
        identity=identity,
        size=size,
        digests=json.loads(digests),
        crc32=crc32,
        verified=when if when.tzinfo else when.replace(tzinfo=UTC),  # as SQLite keeps it
        mismatch=algorithm if verdict == Fixity.Verdict.MISMATCH else "",
    )


def _stays(row: Fixity, datastream: DatastreamRecord, seen: Examination) -> bool:
    """Whether a row says more than a reading: a mismatch is not forgotten because another reading of the same bytes happened to be right,
    and what began to be read earlier is written too late, if it is not of the same bytes a mismatch."""
    is_same = (row.version, row.identity) == (datastream.version, seen.identity)
    if is_same and seen.mismatch:
        return False
    return timedelta() < row.verified - seen.verified < LONG or (is_same and row.verdict == Fixity.Verdict.MISMATCH)


def _enter(row: Fixity, datastream: DatastreamRecord, seen: Examination) -> Fixity:
    """The row as it is after a reading. Of a wrong one the checksums are not kept: those from before may still prove what was right."""
    digests, crc32 = (row.digests, row.crc32) if row.identity == seen.identity else ({}, None)
    if not seen.mismatch:
        if any(digests.get(name, value) != value for name, value in seen.digests.items()):
            digests, crc32 = {}, None
        digests, crc32 = {**digests, **seen.digests}, crc32 if seen.crc32 is None else seen.crc32
    row.pid, row.dsid, row.version, row.identity = datastream.pid, datastream.dsid, datastream.version, seen.identity
    row.digests, row.crc32, row.size, row.verified = digests, crc32, seen.size, seen.verified
    row.verdict, row.algorithm = Fixity.Verdict.MISMATCH if seen.mismatch else Fixity.Verdict.OK, seen.mismatch
    return row
