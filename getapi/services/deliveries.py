"""A response that carries a package: watched while it runs, and put on record by what the other end acknowledged."""

import logging
import math
import socket
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from types import TracebackType

from django import db
from django.utils import timezone

from getapi import models
from getapi.core.errors import DeliveryOverdue, DeliveryShutDown, DeliveryStalled, PackageCanceled, PackagingError
from getapi.core.intervals import Intervals
from getapi.core.layout import Extent, Layout
from getapi.core.plan import Entry
from getapi.core.source import Content
from getapi.services import shelf
from getapi.services.statistics import Recipient, record_downloads
from getapi.services.watcher import Watcher, watcher
from getapi.transport.assurance import Doubt
from getapi.transport.reading import opened
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

RETRIES = (0.2, 1.0)
"""Seconds before the second and the third attempt to write to a database that does not answer."""

CUTS: dict[type[BaseException], Outcome] = {
    DeliveryStalled: Outcome.STALLED,
    DeliveryOverdue: Outcome.OVERDUE,
    DeliveryShutDown: Outcome.SHUT_DOWN,
    PackageCanceled: Outcome.CANCELED,
}

LEVELS = {Outcome.DONE: logging.INFO, Outcome.CLIENT_GONE: logging.INFO, Outcome.BROKEN: logging.ERROR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Consignment:
    """Octets ``start`` to ``stop`` of a layout for a recipient. ``package`` is its id, empty for a single datastream."""

    layout: Layout
    start: int
    stop: int
    recipient: Recipient
    package: str
    name: str
    began: datetime = field(default_factory=timezone.now)

    def entries(self, acknowledged: int, arrived: Intervals) -> list[Entry]:
        """The entries of which the first ``acknowledged`` octets of the window hold a part, and ``arrived`` holds all."""
        last = self.start + acknowledged
        return [
            segment.entry
            for segment, offset in zip(self.layout.segments, self.layout.offsets, strict=True)
            if isinstance(segment, Extent)
            and self.start <= offset + segment.length
            and offset <= last
            and arrived.covers(offset, offset + segment.length)
        ]


class Delivery(Iterator[bytes]):
    """The body of one response. Whoever takes it must call ``close``, as WSGI servers do."""

    def __init__(
        self, consignment: Consignment, *, open_entry: Callable[..., Content], transfer: Transfer, doubt: Doubt, watched_by: Watcher
    ) -> None:
        self._consignment = consignment
        self._transfer = transfer
        self._watcher = watched_by
        self._blocks = self._send(open_entry, doubt)

    def __next__(self) -> bytes:
        return next(self._blocks)

    def close(self) -> None:
        self._blocks.close()
        self._watcher.forget(self._transfer)

    def _send(self, open_entry: Callable[..., Content], doubt: Doubt) -> Generator[bytes]:
        close_databases()  # a download of three hours must not hold a connection
        sent, transfer = self._consignment, self._transfer
        with _Ending(sent, transfer, self._watcher):
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
    watched_by: Watcher = watcher,
) -> Delivery:
    """The octets ``start`` to ``stop`` (not included) of a layout as a response's body, of exactly ``stop - start`` octets or cut short.

    ``sock`` is ``transport.connection.raw_socket``'s word. Where the window begins inside a datastream, that is opened once beforehand:
    its errors (SourceError) are still an answer then. Raises TooManyDeliveries where this process is full.
    """
    first = next(layout.window(start, stop), None)
    if isinstance(first, Extent):
        opened(open_entry, first.entry).close()
    consignment = Consignment(layout=layout, start=start, stop=stop, recipient=recipient, package=package, name=name)
    transfer = Transfer(sock, total=stop - start)
    watched_by.register(transfer, package=package)
    return Delivery(consignment, open_entry=open_entry, transfer=transfer, doubt=doubt, watched_by=watched_by)


class _Ending:
    """Whatever way a delivery ends: lets go of its connection and its place, and writes down what was delivered."""

    def __init__(self, consignment: Consignment, transfer: Transfer, watched_by: Watcher) -> None:
        self._consignment = consignment
        self._transfer = transfer
        self._watcher = watched_by

    def __enter__(self) -> None:
        """Nothing is held yet that was not held before."""

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
        row = self._row(cause)
        _log(row, cause)
        self._record(row)

    def _row(self, cause: BaseException | None) -> models.Delivery:
        sent, acknowledged = self._consignment, self._transfer.acknowledged
        outcome, reason = verdict(cause, is_whole=acknowledged == self._transfer.total)
        return models.Delivery(
            package=sent.package,
            name=sent.name[:255],
            key_id=sent.recipient.key_id,
            started=sent.began,
            ended=timezone.now(),
            first=sent.start,
            stop=sent.stop,
            sent=acknowledged,
            outcome=outcome,
            reason=reason,
        )

    def _record(self, row: models.Delivery) -> None:
        sent = self._consignment
        _persist(partial(_save, row), row)
        if sent.package and row.sent:
            _persist(partial(shelf.touch, sent.package), row)
        _persist(partial(_count, sent, row), row, uncounted=sent.entries(row.sent, Intervals.of([(row.first, row.first + row.sent)])))
        close_databases()


def _count(sent: Consignment, row: models.Delivery) -> None:
    """Counts what is whole now: by this response alone, or together with those before it for the same package (SPEC 7)."""
    before = shelf.arrived(sent.package).spans if sent.package else ()
    entries = sent.entries(row.sent, Intervals.of((*before, (row.first, row.first + row.sent))))
    if entries:
        record_downloads(entries, recipient=sent.recipient, package=sent.package, time=row.ended or sent.began)


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


def close_databases() -> None:
    """Gives this thread's connections back, but for one in the middle of a transaction, which has an owner."""
    for connection in db.connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def _save(row: models.Delivery) -> None:
    """A key may have been deleted while its delivery ran."""
    if row.key_id is not None and not models.Key.objects.filter(pk=row.key_id).exists():
        row.key_id = None
    row.save()


def _persist(write: Callable[[], None], row: models.Delivery, *, uncounted: Sequence[Entry] = ()) -> None:
    """A finished delivery is no failure because the database is away: what cannot be written is logged in full.

    ``uncounted``: what has no row in the statistics then, although this response brought it whole.
    """
    for pause in (*RETRIES, None):
        try:
            return write()
        except db.Error as error:
            close_databases()
            if pause is None:
                lost = [f"{entry.datastream.pid}/{entry.datastream.dsid}" for entry in uncounted]
                logger.exception("delivery not recorded", extra=_facts(row) | {"uncounted": lost}, exc_info=error)
            else:
                time.sleep(pause)
    return None


def _log(row: models.Delivery, cause: BaseException | None) -> None:
    level = LEVELS.get(Outcome(row.outcome), logging.WARNING)
    facts = cause.facts if isinstance(cause, PackagingError) else {}
    logger.log(level, "delivery %s", row.outcome, extra={**_facts(row), "facts": facts})


def _facts(row: models.Delivery) -> dict[str, object]:
    """The row as a log line's fields; of the package's id only the beginning, because the whole opens it (SPEC 1)."""
    seconds = None if row.ended is None else round((row.ended - row.started).total_seconds(), 3)
    return {
        "package": row.package[:8],
        "download": row.name,
        "key_id": row.key_id,
        "started": row.started.isoformat(),
        "seconds": seconds,
        "first": row.first,
        "stop": row.stop,
        "sent": row.sent,
        "outcome": str(row.outcome),
        "reason": row.reason,
    }
