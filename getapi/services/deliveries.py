"""A response that carries a package: watched while it runs, and put on record by what the other end acknowledged."""

import logging
import math
import socket
import time
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any

from django.utils import timezone

from getapi import models
from getapi.core.errors import DeliveryOverdue, DeliveryShutDown, DeliveryStalled, PackageCanceled, PackagingError
from getapi.core.layout import Extent, Layout
from getapi.core.source import Content
from getapi.services import meters
from getapi.services.admission import Admission, Judge, admission, nobody, reader_of
from getapi.services.record import Record, facts
from getapi.services.recorder import Recorder, recorder
from getapi.services.rounds import close_databases
from getapi.services.statistics import Item, Recipient, kept_address, kept_user_agent
from getapi.services.watcher import Watcher, watcher
from getapi.transport.assurance import Doubt, vet
from getapi.transport.sender import send
from getapi.transport.transfer import Transfer

logger = logging.getLogger("getapi.deliveries")
Outcome = models.Delivery.Outcome

PATIENCE = 60.0
"""Seconds without an acknowledgement after which the rest of what was handed over whole counts as not delivered.

A receiver that goes on taking is waited for, however slowly: it is served like any other. The watcher's limits hold meanwhile.
"""

BROKEN_WAIT = 1.0
"""Seconds after a failure: the record should be near the truth, and the thread is wanted."""

LARGE = 4 << 20
"""Octets of a single datastream's window from which its row is there before its first octet. One that is smaller is gone before a kill
could matter, and would wait twice as long for a second row (docs/architecture.md, "What is on record")."""

CUTS: dict[type[BaseException], Outcome] = {
    DeliveryStalled: Outcome.STALLED,
    DeliveryOverdue: Outcome.OVERDUE,
    DeliveryShutDown: Outcome.SHUT_DOWN,
    PackageCanceled: Outcome.CANCELED,
}

LEVELS = {Outcome.DONE: logging.INFO, Outcome.CLIENT_GONE: logging.INFO, Outcome.BROKEN: logging.ERROR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Consignment:
    """Octets ``start`` to ``stop`` of a layout for a recipient. ``package`` is its id, empty for a single datastream.

    ``reader`` is ``admission.reader_of``'s word.
    """

    layout: Layout
    start: int
    stop: int
    recipient: Recipient
    package: str
    name: str
    etag: str = ""
    reader: str = ""
    began: datetime = field(default_factory=timezone.now)

    @property
    def is_large(self) -> bool:
        """Whether so much is at stake that it needs a slot, and is on record before it leaves."""
        return self.package != "" or self.stop - self.start >= LARGE

    @property
    def facts(self) -> dict[str, Any]:
        """The columns of its row that do not change."""
        return {
            "package": self.package,
            "item": self._item,
            "etag": self.etag,
            "name": self.name[:255],
            "key_id": self.recipient.key_id,
            "started": self.began,
            "first": self.start,
            "stop": self.stop,
            "reader": self.reader if self.is_large else "",
            "address": kept_address(self.recipient.address),
            "user_agent": kept_user_agent(self.recipient.user_agent),
        }

    @property
    def _item(self) -> dict[str, Any] | None:
        single = next((segment.entry for segment in self.layout.segments if isinstance(segment, Extent)), None)
        return None if self.package or single is None else asdict(Item.of(single))


class Delivery(Iterator[bytes]):
    """The body of one response. Whoever takes it must call ``close``, as WSGI servers do."""

    def __init__(
        self,
        consignment: Consignment,
        *,
        open_entry: Callable[..., Content],
        record: Record,
        doubt: Doubt,
        watched_by: Watcher,
        recorded_by: Recorder,
    ) -> None:
        self._consignment = consignment
        self._record = record
        self._transfer = record.transfer
        self._watcher = watched_by
        self._recorder = recorded_by
        self._blocks = self._send(open_entry, doubt)

    def __next__(self) -> bytes:
        return next(self._blocks)

    def close(self) -> None:
        self._blocks.close()
        _let_go(self._record, self._watcher, self._recorder)

    def _send(self, open_entry: Callable[..., Content], doubt: Doubt) -> Generator[bytes]:
        close_databases()  # a download of three hours must not hold a connection
        sent, transfer = self._consignment, self._transfer
        with _Course(sent, self._record, self._watcher, self._recorder):
            yield from send(sent.layout, start=sent.start, stop=sent.stop, open_entry=open_entry, transfer=transfer, doubt=doubt)


def deliver(
    layout: Layout,
    *,
    start: int,
    stop: int,
    open_entry: Callable[..., Content],
    doubt: Doubt,
    recipient: Recipient,
    package: str,
    name: str,
    sock: socket.socket | None,
    wire: socket.socket | None = None,
    etag: str = "",
    reader: str = "",
    watched_by: Watcher = watcher,
    recorded_by: Recorder = recorder,
    admitted_by: Admission = admission,
    also: Judge = nobody,
) -> Delivery:
    """The octets ``start`` to ``stop`` (not included) of a layout as a response's body, of exactly ``stop - start`` octets or cut short.

    ``sock`` and ``wire`` are the words of ``transport.connection``'s ``raw_socket`` and ``encrypted_socket``; ``etag`` a single
    datastream's identity; ``reader`` the address whose slots it takes where that is not the recipient's; ``also`` as ``Admission.take``.
    What the window begins with is looked at beforehand: its errors (SourceError) are still an answer then. Raises TooManyDeliveries where
    this process is full or no slot is free, and DatabaseUnavailable.
    """
    consignment = Consignment(
        layout=layout,
        start=start,
        stop=stop,
        recipient=recipient,
        package=package,
        name=name,
        etag=etag,
        reader=reader_of(reader or recipient.address),
    )
    record = Record(consignment.facts, layout=layout if package else None, transfer=Transfer(sock, wire=wire, total=stop - start))
    watched_by.register(record.transfer, consignment.reader)  # from here it may take a while, and only so many threads may wait
    with ExitStack() as undone:
        undone.callback(_let_go, record, watched_by, recorded_by)
        if consignment.is_large:
            admitted_by.take(record, also)
            watched_by.lease(record.transfer)
        left = vet(layout, start, stop, open_entry=open_entry, doubt=doubt)
        undone.pop_all()
    delivery = Delivery(consignment, open_entry=open_entry, record=record, doubt=left, watched_by=watched_by, recorded_by=recorded_by)
    forgotten = weakref.finalize(delivery, recorded_by.abandon, record)  # an answer that nobody took and nobody closed
    forgotten.atexit = False  # type: ignore[misc] # typeshed knows it as no slot
    return delivery


def _let_go(record: Record, watched_by: Watcher, recorded_by: Recorder) -> None:
    """Of one that never began, also its slot."""
    if record.is_held and not record.has_begun:
        record.has_begun = True
        recorded_by.withdraw(record)
    watched_by.forget(record.transfer)


def conclude(layout: Layout, *, recipient: Recipient, package: str, name: str, etag: str = "", recorded_by: Recorder = recorder) -> None:
    """A reader asked for what lies behind the last octet of a layout: it has all of it, whatever is on record."""
    end = layout.length
    recorded_by.note_end(Consignment(layout=layout, start=end, stop=end, recipient=recipient, package=package, name=name, etag=etag).facts)


class _Course:
    """From a delivery's first octet on it is on record; whatever way it ends, it lets go of its connection and its place."""

    def __init__(self, consignment: Consignment, record: Record, watched_by: Watcher, recorded_by: Recorder) -> None:
        self._consignment = consignment
        self._record = record
        self._transfer = record.transfer
        self._watcher = watched_by
        self._recorder = recorded_by

    def __enter__(self) -> None:
        self._recorder.begin(self._record)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._conclude(error)
        finally:
            self._watcher.forget(self._transfer)  # the last step: until then this thread is not free for another delivery

    def _conclude(self, error: BaseException | None) -> None:
        if self._transfer.error is None and error is None:
            settle(self._transfer, patience=PATIENCE)
        else:
            settle(self._transfer, patience=BROKEN_WAIT, limit=BROKEN_WAIT)
        cause = self._transfer.error or error
        self._transfer.release()
        outcome, reason = verdict(cause, is_whole=self._transfer.acknowledged == self._transfer.total)
        self._record.end(ended=timezone.now(), outcome=outcome, reason=reason)
        _log(self._record.row(), cause)
        meters.count("deliveries", str(outcome.value))
        self._recorder.end(self._record)


def verdict(cause: BaseException | None, *, is_whole: bool) -> tuple[Outcome, str]:
    """The outcome of a delivery and the reason where it broke, from what ended it (None: its last octet was handed over)."""
    if cause is None:
        return (Outcome.DONE, "") if is_whole else (Outcome.CLIENT_GONE, "unacknowledged")
    if isinstance(cause, PackagingError):
        return CUTS.get(type(cause), Outcome.BROKEN), cause.code
    if isinstance(cause, (OSError, GeneratorExit)):
        return Outcome.CLIENT_GONE, ""
    return Outcome.BROKEN, type(cause).__name__


def settle(transfer: Transfer, *, patience: float, limit: float = math.inf) -> None:
    """Waits until the other end has acknowledged what it was sent: ``limit`` seconds at most, ``patience`` without progress."""
    end, known, pause = time.monotonic() + limit, transfer.error, 0.0005
    while not transfer.is_settled and transfer.error is known:
        now = time.monotonic()
        if now >= end or transfer.idle(now) >= patience:
            return
        time.sleep(pause)
        pause = min(pause * 2, 0.02)


def _log(row: models.Delivery, cause: BaseException | None) -> None:
    level = LEVELS.get(Outcome(row.outcome), logging.WARNING)
    told: dict[str, int | str] = {}
    if isinstance(cause, PackagingError):
        told = cause.facts | ({"error": cause.system} if cause.system else {})
    logger.log(level, "delivery %s", row.outcome, extra={**facts(row), "facts": told})
