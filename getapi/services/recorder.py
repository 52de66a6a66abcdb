"""Puts on record what this process sends: each response from its start, what was acknowledged each second, and its end (SPEC 7).

All of it is written by the process's one database thread (``services.rounds``), many rows at a time. A row is known by a number that its
sender gave it, so that writing it again after a failure neither loses nor doubles anything.
"""

import logging
import math
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from getapi import requestid
from getapi.core.errors import DeliveryError, PackageCanceled, PackagingError
from getapi.models import Delivery, Key
from getapi.services import coverage, process, shelf
from getapi.services.record import Record, facts
from getapi.services.rounds import AWAY, INTERVAL, UNWRITABLE, Rounds, rounds

logger = logging.getLogger("getapi.deliveries")

SWEEP = 10.0
"""Seconds between two looks for responses of dead processes."""

RECHECK = 1.0
"""Seconds after a reader went on in which a process that it lost may still seem to live: it closes its connections before it is gone."""

MOST_WAITING = 10_000
"""Ended responses that are kept while the database is away; what is more goes to the log alone."""

MOST_AT_ONCE = 500
"""Rows that one statement deletes or marks."""

COUNTING = 0.5
"""Seconds of a round after which what is still to be counted waits for the next one: what runs must be kept alive meanwhile."""

MOST_LAYOUTS = 100
"""Of those that wait, how many keep their layout in memory; it can be read from the database once that is back."""

CHANGING = ("key", "handed", "sent", "rate", "renewed", "ended", "outcome", "reason")


class Recorder:
    def __init__(self, writer: Rounds, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._writer = writer
        self._clock = clock
        self.reset()
        writer.every_second(self.write)

    def reset(self) -> None:
        """Forgets the responses of the process that this one was forked from."""
        self._lock = threading.Lock()
        self._running: dict[uuid.UUID, Record] = {}
        self._begun: dict[uuid.UUID, Record] = {}
        self._ended: dict[uuid.UUID, Record] = {}
        self._uncounted: deque[tuple[Record, Delivery]] = deque()
        self._settled: deque[uuid.UUID] = deque()
        self._withdrawn: deque[uuid.UUID] = deque()
        self._next_look = self._next_sweep = 0.0
        self._recheck = math.inf
        self._renewed = self._clock()

    @property
    def lease_age(self) -> float:
        """Seconds since the database was last told that what this process sends is alive; 0 while it sends nothing."""
        return self._clock() - self._renewed if self._running else 0.0

    @property
    def gone(self) -> list[uuid.UUID]:
        """What has ended or was withdrawn here, and the database does not know it yet: it holds no slot, whatever is on record."""
        with self._lock:
            return [*self._ended, *self._withdrawn]

    def sends(self, uid: object) -> bool:
        """Whether this process is at it still: what has ended holds no slot, whatever is on record."""
        with self._lock:
            return uid in self._running

    def hold(self, record: Record) -> None:
        """Its row was written (services.admission): it is kept alive until ``end`` or ``withdraw``."""
        with self._lock:
            if not self._running:
                self._renewed = self._clock()
            self._running[record.uid] = record
        self._writer.engage()

    def withdraw(self, record: Record) -> None:
        """Nothing of it left, and its row, if there is one, goes: it is as if it had never been."""
        with self._lock:
            self._running.pop(record.uid, None)
        self._withdrawn.append(record.uid)
        self._writer.wake()

    def abandon(self, record: Record) -> None:
        """As ``withdraw``, where nobody took or closed the answer. Takes no lock: the garbage collector calls it, in any thread."""
        if not record.has_begun:
            self._withdrawn.append(record.uid)

    def begin(self, record: Record) -> None:
        """Its first octet is about to leave, and waits for nothing that is written meanwhile: what is not held gets its row with its end or
        the next second. One that begins in the middle shows by then what arrived of those before it.
        """
        record.has_begun = True
        with self._lock:
            if not self._running:
                self._renewed = self._clock()
            self._running[record.uid] = record
            if record.first:
                self._begun[record.uid] = record
                self._recheck = self._clock() + RECHECK
        self._writer.engage()

    def end(self, record: Record) -> None:
        """Its ``end`` is known. It is counted soon."""
        with self._lock:
            self._running.pop(record.uid, None)
            self._ended[record.uid] = record
            if len(self._ended) > MOST_LAYOUTS and record.package:
                record.layout = None
            lost = self._ended.pop(next(iter(self._ended))) if len(self._ended) > MOST_WAITING else None
            if lost is not None:
                self._begun.pop(lost.uid, None)
        if lost is not None:
            _tell(lost.row(), "the database was away for too long")
        self._writer.wake()

    def note_end(self, facts: Mapping[str, Any]) -> None:
        """A reader asked for what lies behind the last octet (``coverage.note_end``)."""
        coverage.note_end(facts)
        self._recheck = self._clock() + RECHECK
        self._writer.engage()

    def write(self) -> bool:
        """A round: what began and ended, each second also what runs. Raises django.db.Error where the database is away."""
        now = self._clock()
        is_due = now >= self._next_look
        self._take_back()
        with self._lock:
            begun, ended = list(self._begun.values()), list(self._ended.values())
            others = list(self._running.values()) if is_due else begun
        if is_due:
            for record in others:
                record.observe(time.monotonic())
        rows = {record.uid: record.row() for record in (*others, *ended)}
        for record in (*others, *ended):
            record.meter(rows[record.uid].sent)
        if rows:
            _save(list(rows.values()))
        self._written(begun, ended, rows)
        self._count()
        if is_due:
            self._renewed = now
            self._next_look = now + INTERVAL * 0.9
            self._look()
        return any((self._running, self._begun, self._ended, self._withdrawn, self._uncounted)) or self._recheck < math.inf

    def _take_back(self) -> None:
        """Deletes what was withdrawn; what cannot be deleted now stays withdrawn."""
        while batch := [*islice(self._withdrawn, MOST_AT_ONCE)]:
            with self._lock:
                for uid in batch:
                    self._running.pop(uid, None)
            Delivery.objects.filter(uid__in=batch).delete()
            for _ in batch:
                self._withdrawn.popleft()

    def _written(self, begun: Iterable[Record], ended: Iterable[Record], rows: Mapping[uuid.UUID, Delivery]) -> None:
        """They are to be counted next: one that begins in the middle may show what arrived of those before it."""
        with self._lock:
            for record in begun:
                self._begun.pop(record.uid, None)
            for record in ended:
                self._ended.pop(record.uid, None)
        self._uncounted += [(record, rows[record.uid]) for record in (*begun, *ended)]

    def _count(self) -> None:
        """A package lives on from its last octet, and what has arrived whole is counted."""
        shelf.touch({record.package for record, row in self._uncounted if record.package and row.ended and row.sent})
        last = {coverage.group(row): record for record, row in self._uncounted}
        end = self._clock() + COUNTING
        while self._uncounted and self._clock() < end:
            record, row = self._uncounted.popleft()
            try:
                if last[coverage.group(row)] is record:
                    _settle(record, row)
            except AWAY:  # whatever else goes wrong with one, it costs no other its turn
                self._uncounted.appendleft((record, row))
                raise
            if row.ended:
                self._settled.append(record.uid)
        while batch := [*islice(self._settled, MOST_AT_ONCE)]:  # a process that is killed before this leaves them to another one's sweep
            coverage.mark_settled(batch)
            for _ in batch:
                self._settled.popleft()

    def _look(self) -> None:
        """Cuts the responses of cancelled packages, and now and then looks for those of dead processes."""
        with self._lock:
            running = list(self._running.values())
        canceled = shelf.heed({record.package for record in running} - {""})
        taken = self._taken() if any(record.is_held for record in running) else ()
        for record in running:
            if record.package in canceled:
                record.transfer.cut(PackageCanceled())
            elif record.is_held and record.uid in taken:
                record.transfer.cut(DeliveryError("Its slot was given to another delivery"))
        now = self._clock()
        if now >= min(self._next_sweep, self._recheck):
            coverage.sweep()
            self._next_sweep = now + SWEEP
            if now >= self._recheck:
                self._recheck = math.inf

    def _taken(self) -> Collection[object]:
        """What lost its slot (services.admission): a process that could not speak for long, and runs again, was taken for dead."""
        running = Delivery.objects.filter(outcome=Delivery.Outcome.RUNNING, process=process.identity())
        return set(running.filter(reader="").values_list("uid", flat=True))


def _save(rows: list[Delivery]) -> None:
    """One statement for all of them; a row that cannot be written costs no other."""
    _forget_keys(rows)
    try:
        _upsert(rows)
    except AWAY:
        raise
    except UNWRITABLE:
        for row in rows:
            _save_alone(row)


def _save_alone(row: Delivery) -> None:
    try:
        _upsert([row])
    except AWAY:
        raise
    except UNWRITABLE as error:
        _tell(row, repr(error))


def _upsert(rows: list[Delivery]) -> None:
    for row in rows:
        row.renewed = Now()  # by the database's clock
    with transaction.atomic():
        Delivery.objects.bulk_create(rows, update_conflicts=True, unique_fields=["uid"], update_fields=list(CHANGING))


def _forget_keys(rows: list[Delivery]) -> None:
    """A key may have been deleted while its delivery ran."""
    named = {row.key_id for row in rows if row.key_id is not None}
    gone = named - set(Key.objects.filter(pk__in=named).values_list("pk", flat=True)) if named else named
    for row in rows:
        if row.key_id in gone:
            row.key_id = None


def _settle(record: Record, row: Delivery) -> None:
    """What it logs belongs to the response's request, by which the last octet that was missing came."""
    time = row.ended or row.started
    with requestid.working_for(record.request_id):
        try:
            try:
                _count_whole(record, row, time)
            except IntegrityError:  # its key was deleted at this very moment
                _count_whole(record, row, time)
        except AWAY:
            raise
        except (*UNWRITABLE, PackagingError) as error:
            _tell(row, repr(error))


def _count_whole(record: Record, row: Delivery, time: datetime) -> None:
    if record.package:
        coverage.settle_package(record.package, layout=record.layout, recipient=coverage.recipient_of(row), time=time)
    else:
        coverage.settle_single(row, time=time)


def _tell(row: Delivery, why: str) -> None:
    """What is in no table is in the log, in full."""
    logger.error("delivery not recorded", extra=facts(row) | {"why": why})


recorder = Recorder(rounds)
"""This process's."""

os.register_at_fork(after_in_child=recorder.reset)
