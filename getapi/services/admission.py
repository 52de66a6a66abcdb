"""Slots for deliveries, as leases in the database: they hold across processes and machines, and survive a kill (SPEC 6).

A slot is the row of a delivery that runs (``models.Delivery`` with a ``reader``): what is on record and what is admitted can never differ.
It is renewed each second by the recorder, by the database's clock. One whose process is dead, or silent for ``responses.LEASE``, holds
nothing.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import IntegrityError, InternalError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from getapi import conf
from getapi.core.errors import DatabaseUnavailable, TooManyDeliveries
from getapi.core.slots import Connection, Slots, admit
from getapi.models import Delivery
from getapi.services import addresses, patience, process
from getapi.services.patience import limit_patience
from getapi.services.record import Record
from getapi.services.recorder import Recorder, recorder
from getapi.services.responses import BEAT, LEASE
from getapi.services.rounds import AWAY

logger = logging.getLogger("getapi.admission")

TURNS = 4
"""How many times that a request waits for its turn within this process: of a crowd each only takes some milliseconds."""

FROZEN = 10.0
"""Seconds after which a process that does nothing with its turn loses it."""

GRACE = 2.5
"""Seconds for which a reader who has downloads is given the time to have them noticed as ended, before he is refused. His program may have
lost a connection or finished a download just now, and be quicker than the row of it; longer than BEAT, after which a dead one shows."""

PAUSE = 0.1
"""Seconds between two looks meanwhile."""

MOST_GRACED = 4
"""Requests of a process that wait so, one a reader: they hold threads."""

LOCK = 0x67657461_70695F73
"""PostgreSQL's advisory lock around admission, of no other meaning (READ COMMITTED would admit too many)."""

_SERIALIZE = """SELECT set_config('idle_in_transaction_session_timeout', %s, true), set_config('synchronous_commit', 'off', true),
    pg_advisory_xact_lock(%s)"""
"""``synchronous_commit``: a slot that a crash of the database forgets is written again within a second."""

NOBODY = UUID(int=0)
"""In no list that is asked for: an empty one is no question to Django."""

_COLUMNS = ("reader", "package", "etag", "key", "first", "stop", "sent", "rate")


def reader_of(address: str) -> str:
    """Whose slots an address takes: IPv6 by /64. A hash with the service's key, since no address may be kept where none is (SPEC 7)."""
    found = addresses.parse(address)
    spelled = address if found is None else addresses.reader(str(found))
    return salted_hmac("getapi.reader", spelled, algorithm="sha256").hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class _Holder:
    """A row that holds a slot, or part of one."""

    pk: int
    connection: Connection
    is_dead: bool
    """It has ended, its process has, or its lease: whoever is admitted next takes the slot away, so that all processes agree on it."""
    is_silent: bool
    """No sign of life for BEAT from a process whose end cannot be seen here."""
    is_alive: bool
    """Its process is of this machine and certainly there."""

    def may_be_dead(self, wanted: Connection) -> bool:
        """Whether it can be one that the reader has lost, since he is here again for the same."""
        return self.is_silent and (self.connection.reader, self.connection.package) == (wanted.reader, wanted.package)

    def is_beside(self, wanted: Connection) -> bool:
        """Whether it goes on while the other one begins in the middle of the same."""
        goes_on = self.is_alive and not self.is_dead and not self.is_silent
        return goes_on and wanted.start > 0 and self.connection.package == wanted.package


Judge = Callable[[Connection, Sequence[Connection]], None]
"""Whether what is wanted may be beside what lives. Raises TooManyDeliveries."""


def nobody(_wanted: Connection, _living: Sequence[Connection]) -> None:
    """There is no other limit."""


class Admission:
    """``recorded_by`` knows what this process sends, before the database does."""

    def __init__(self, recorded_by: Recorder, *, clock: Callable[[], float] = time.monotonic, grace: float = GRACE) -> None:
        self._recorder = recorded_by
        self._clock = clock
        self._grace = grace
        self.reset()

    def reset(self) -> None:
        """Forgets the requests of the process that this one was forked from."""
        self._turn = threading.Lock()
        self._graced: set[str] = set()
        self._places = threading.Lock()

    def take(self, record: Record, also: Judge = nobody) -> None:
        """Puts a delivery on record as running, with the slot that it needs; the recorder renews it from now on.

        ``also`` judges too, in the same transaction. Whoever calls it must see to it that ``Recorder.end`` or ``withdraw`` follows. Raises
        TooManyDeliveries, and DatabaseUnavailable where the database does not answer within ``patience.PATIENCE``, or to those before.
        """
        try:
            self._take(record, also)
        except TooManyDeliveries:
            if not self._wait(record):
                raise
            self._take(record, also)

    def living(self) -> list[Connection]:
        """Those that hold slots now. Within ``exclusive`` nobody else gets one meanwhile."""
        return [holder.connection for holder in self._holders() if not holder.is_dead]

    def _take(self, record: Record, also: Judge) -> None:
        if not self._turn.acquire(timeout=TURNS * patience.PATIENCE):  # those who poll for SQLite's one writer would overtake each other
            raise DatabaseUnavailable
        try:
            self._decide(record, also)
        except (*AWAY, InternalError) as error:  # the latter of one that lost its turn by FROZEN
            logger.warning("no slot could be given: the database does not answer", extra={"error": str(error)})
            raise DatabaseUnavailable from error
        finally:
            self._turn.release()

    def _decide(self, record: Record, also: Judge) -> None:
        try:
            self._give(record, also)
        except IntegrityError:  # its key was deleted at this very moment
            record.facts = {**record.facts, "key_id": None}
            self._give(record, also)
        self._recorder.hold(record)

    def _give(self, record: Record, also: Judge) -> None:
        with exclusive():
            lost, beside = self._judge(record, also)
            if lost:
                Delivery.objects.filter(pk__in=lost).update(reader="")
            if beside:  # so that it shows nothing of them (core.coverage), whatever befalls them within this second
                Delivery.objects.filter(pk__in=beside).update(renewed=Now())
            record.is_held = True
            record.row(started=True).save(force_insert=True)

    def _judge(self, record: Record, also: Judge) -> tuple[list[int], list[int]]:
        """The rows that lose what they hold for it, and those that it stands beside. Raises TooManyDeliveries.

        Who resumes takes a dead connection's place beside his others; only where there are so many that he would need one slot more, those
        that were silent for a while lose theirs.
        """
        wanted, slots = _wanted(record), _slots()
        holders = list(self._holders())
        living = [holder.connection for holder in holders if not holder.is_dead]
        dead = [holder.pk for holder in holders if holder.is_dead]
        silent = [holder.pk for holder in holders if not holder.is_dead and holder.may_be_dead(wanted)]
        try:
            admit(wanted, living, slots)
            also(wanted, living)
        except TooManyDeliveries:
            if not silent:
                raise
            sure = [each.connection for each in holders if not each.is_dead and not each.may_be_dead(wanted)]
            admit(wanted, sure, slots)
            also(wanted, sure)
            return dead + silent, []
        return dead, [holder.pk for holder in holders if holder.is_beside(wanted)]

    def _holders(self) -> Iterator[_Holder]:
        """Of what this process sends it knows itself what has ended; of others of this machine, whether they are there."""
        rows = Delivery.objects.filter(outcome=Delivery.Outcome.RUNNING).exclude(reader="")
        now = _now()
        states = {
            "is_silent": Q(renewed__lt=now - BEAT),
            "is_expired": Q(renewed__lt=now - LEASE),
            "is_gone": Q(uid__in=[NOBODY, *self._recorder.gone]),
        }
        mine, gone, alive = process.identity(), dict[str, bool](), dict[str, bool]()
        for pk, name, is_silent, is_expired, is_gone, *facts in rows.annotate(**states).values_list("pk", "process", *states, *_COLUMNS):
            if name not in gone:
                gone[name] = name != mine and process.is_dead(name)
                alive[name] = name == mine or process.is_alive(name)
            is_dead = bool(is_expired or is_gone or gone[name])
            is_quiet = bool(is_silent) and name != mine
            yield _Holder(pk, _connection(*facts), is_dead=is_dead, is_silent=is_quiet, is_alive=alive[name])

    def _wait(self, record: Record) -> bool:
        """Whether it is worth asking again: something of the reader's own has ended meanwhile."""
        reader = str(record.facts["reader"])
        if not self._grace or not self._be_graced(reader):
            return False
        try:
            end, own, now = self._clock() + self._grace, self._own(record), -1
            while own and self._clock() < end and not 0 <= now < own:
                time.sleep(PAUSE)
                now = self._own(record)
            return own == 0 or 0 <= now < own
        except AWAY:
            return False
        finally:
            with self._places:
                self._graced.discard(reader)

    def _be_graced(self, reader: str) -> bool:
        with self._places:
            if reader in self._graced or len(self._graced) >= MOST_GRACED:
                return False
            self._graced.add(reader)
            return True

    def _own(self, record: Record) -> int:
        """The reader's connections, but for those of which he may know that they are dead."""
        wanted = _wanted(record)
        living = (holder for holder in self._holders() if not holder.is_dead and not holder.may_be_dead(wanted))
        return sum(holder.connection.reader == wanted.reader for holder in living)


@contextmanager
def exclusive() -> Iterator[None]:
    """Nobody else admits meanwhile, in whatever process: SQLite's transactions are IMMEDIATE, PostgreSQL has a lock for it."""
    limit_patience()
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(_SERIALIZE, [f"{round(FROZEN * 1000)}", LOCK])
        yield


def _now() -> datetime:
    """By the database's clock: asked once, since SQLite would reckon it anew for each of a thousand rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')" if connection.vendor == "sqlite" else "SELECT statement_timestamp()")
        (now,) = cursor.fetchone()
    return datetime.fromisoformat(now).replace(tzinfo=UTC) if isinstance(now, str) else now


def _slots() -> Slots:
    limits = conf.current().limits
    return Slots(concurrent=limits.concurrent, per_key=limits.per_key, per_reader=limits.per_reader, active_bytes=limits.active_bytes)


def _wanted(record: Record) -> Connection:
    facts = record.facts
    return Connection(
        reader=str(facts["reader"]),
        package=str(facts["package"] or facts["etag"]),
        key=facts["key_id"],
        start=int(facts["first"]),
        stop=int(facts["stop"]),
    )


def _connection(reader: str, package: str, etag: str, key: int | None, first: int, stop: int, sent: int, rate: int | None) -> Connection:
    """Of a row's _COLUMNS."""
    return Connection(reader=reader, package=package or etag, key=key, start=first + sent, stop=stop, rate=rate)


admission = Admission(recorder)
"""This process's."""

os.register_at_fork(after_in_child=admission.reset)
