"""What has arrived by all responses together: of a package, or of a datastream that came in several ranges; and counts it (SPEC 7)."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django import db
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from getapi.core.coverage import arrived, shown
from getapi.core.errors import PackagingError
from getapi.core.intervals import Intervals
from getapi.core.layout import Extent, Layout, lay_out
from getapi.models import Delivery, Package
from getapi.services import meters, shelf
from getapi.services.responses import BEAT, DIED, Response, responses
from getapi.services.statistics import LOGGED_ID, Item, Recipient, record_downloads

logger = logging.getLogger("getapi.deliveries")
Outcome = Delivery.Outcome

SAME_DOWNLOAD = timedelta(hours=24)
"""Ranges of a datastream that one reader asks for within this time may make one download together."""

SETTLED = timedelta(seconds=60)
"""After its end nobody shows any more what arrived of a response that ran beside."""

MANY = 100
"""Whole responses of one package that are worth folding."""

MOST_FOLDED = 500
"""Of them, at once."""

MOST_LEFT = 500
"""Responses of dead processes that are counted at once: the next sweep takes the others."""

MOST_TOGETHER = 10_000
"""Responses of one package, or of one reader's to one datastream, that are looked at together, the latest: whoever makes more of them must
not keep the process's one thread for the database from all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """``sent``: octets that arrived, each counted once. ``state``: ready, sending, broken (the last response ended short) or done.

    ``rate``: octets a second of all responses that run; None where none does.
    """

    sent: int
    state: str
    rate: int | None


def settle_package(package: str, *, layout: Layout | None = None, recipient: Recipient, time: datetime) -> None:
    """Closes what its responses left open, and counts at ``time`` what is whole now; the layout is read where it is not given.

    Safe to call again. Raises django.db.Error.
    """
    with transaction.atomic():
        kept = Package.objects.select_for_update().filter(pk=package).values_list("arrived", flat=True).first()
        found = _survey(Delivery.objects.filter(package=package, counted=False))
        union = _union(kept or (), found)
        if kept is not None:
            _fold(package, kept, found)
        layout = layout or _lay_out(package)
        if layout is None or not union.spans:
            return
        items = covered(layout, union)
        if items:
            record_downloads(items, recipient=recipient, package=package, time=time)
        if union.covers(0, layout.length):
            Package.objects.filter(pk=package, delivered=None).update(delivered=time)


def note_end(facts: Mapping[str, Any]) -> None:
    """A reader asked for what lies behind the last octet, as programs do that have all of it. No answer fails because of this.

    ``facts`` are the columns of a response of no octets, which is put on record like any other: the process that sent the rest may not be
    known to be dead yet. Where all is on record already, nothing is.
    """
    row = Delivery(**facts, uid=uuid4(), ended=timezone.now(), outcome=Outcome.DONE)
    if not (row.package or row.address):
        return
    before = Delivery.objects.filter(package=row.package) if row.package else _of_same_reader(row)
    try:
        if not before.exclude(outcome=Outcome.DONE).exists() or before.filter(first=row.first).exists():
            return
        row.save()
        if row.package:
            settle_package(row.package, recipient=recipient_of(row), time=timezone.now())
        else:
            settle_single(row, time=timezone.now())
    except db.Error:
        logger.exception("what a reader has could not be noted", extra={"package": row.package[:LOGGED_ID]})


def settle_single(row: Delivery, *, time: datetime) -> None:
    """Counts a response that carried one datastream: by itself if it was whole, else once it is so with others of the same reader.

    What was counted is used up: whoever takes all of it in ranges a second time counts a second time, as with whole responses. A reader
    is known by the kept address and user agent; where no address is kept only a whole response counts. Safe to call again.
    Raises django.db.Error.
    """
    item = Item(**(row.item or {}))
    with transaction.atomic():
        found = _survey(Delivery.objects.filter(uid=row.uid, counted=False))
        if not found:  # counted already
            return
        if row.address and found[0].sent != item.bytes:
            found = _survey(_of_same_reader(row).exclude(sent=item.bytes))  # those that came whole count by themselves
            found = [each for each in found if each.uid == row.uid and each.sent == item.bytes] or found
        if not arrived([response.piece for response in found]).covers(0, item.bytes):
            return
        used = Delivery.objects.filter(pk__in=[response.pk for response in found], counted=False).update(counted=True)
        if used < len(found):  # another process counts them at this very moment
            transaction.set_rollback(True)
            return
        record_downloads([item], recipient=recipient_of(row), package="", time=time)


def group(row: Delivery) -> object:
    """Of rows of one group it is enough to settle the last: it finds the others. A datastream that came whole counts by itself."""
    if row.package:
        return row.package
    is_part = row.address and row.sent != (row.item or {}).get("bytes")
    return (row.etag, row.address, row.user_agent, row.started.date()) if is_part else row.uid


def sweep() -> bool:
    """Closes what dead processes left running, and counts what has arrived by that, and by what they could write down but not count.

    Returns whether more is left than could be counted at once. Raises django.db.Error; what was not counted then is so the next time.
    """
    for response in responses(Delivery.objects.filter(outcome=Outcome.RUNNING)):
        if response.is_lost:
            _bury(response)
    ended = Delivery.objects.exclude(outcome=Outcome.RUNNING).exclude(process="")
    left = [response.pk for response in responses(ended) if response.is_orphaned]
    now, some = timezone.now(), left[:MOST_LEFT]
    for row in {group(row): row for row in Delivery.objects.filter(pk__in=some).order_by("pk")}.values():
        if row.package:
            settle_package(row.package, recipient=recipient_of(row), time=now)
        else:
            settle_single(row, time=now)
    Delivery.objects.filter(pk__in=some).update(process="", reader="")
    return len(left) > len(some)


def mark_settled(uids: Collection[UUID]) -> None:
    """What these ended responses brought is counted, and nobody need look at them again. Raises django.db.Error."""
    Delivery.objects.filter(uid__in=uids).exclude(outcome=Outcome.RUNNING).update(process="", reader="")


def progress(package: str, size: int) -> Progress:
    """How far a package of ``size`` octets is."""
    kept = Package.objects.filter(pk=package).values_list("arrived", flat=True).first() or []
    found = responses(Delivery.objects.filter(package=package, counted=False), most=MOST_TOGETHER)
    union = _union(kept, found)
    rates = [response.rate or 0 for response in found if response.is_running and not response.is_lost]
    if union.covers(0, size):
        state = "done"
    elif rates:
        state = "sending"
    elif found and found[-1].sent < found[-1].stop - found[-1].first:
        state = "broken"
    else:
        state = "ready"
    return Progress(sent=union.total, state=state, rate=sum(rates) if rates else None)


def recipient_of(row: Delivery) -> Recipient:
    return Recipient(key_id=row.key_id, address=row.address, user_agent=row.user_agent)


def covered(layout: Layout, union: Intervals) -> list[Item]:
    """The datastreams of which all octets have arrived; of an empty one it is what lies beside it."""
    return [
        Item.of(segment.entry)
        for segment, offset in zip(layout.segments, layout.offsets, strict=True)
        if isinstance(segment, Extent) and _has(union, offset, segment.length)
    ]


def _has(union: Intervals, offset: int, length: int) -> bool:
    return union.covers(offset, offset + length) if length else union.covers(max(offset - 1, 0), offset) or union.covers(offset, offset + 1)


def _of_same_reader(row: Delivery) -> QuerySet[Delivery]:
    return Delivery.objects.filter(
        package="",
        etag=row.etag,
        address=row.address,
        user_agent=row.user_agent,
        counted=False,
        started__range=(row.started - SAME_DOWNLOAD, row.started + SAME_DOWNLOAD),
    )


def _lay_out(package: str) -> Layout | None:
    """The layout of a package that is still kept."""
    row = Package.objects.filter(pk=package).first()
    try:
        return None if row is None else lay_out(shelf.read_plan(row))
    except PackagingError:
        return None  # an encoder that is no more


def _survey(rows: QuerySet[Delivery]) -> list[Response]:
    """The rows as they are once the lost ones are closed, and what their reader has shown is added."""
    found = [_bury(response) if response.is_lost else response for response in responses(rows, most=MOST_TOGETHER)]
    sents = shown([response.piece for response in found])
    return [response if sent == response.sent else _change(response, sent=sent) for response, sent in zip(found, sents, strict=True)]


def _union(kept: Sequence[tuple[int, int]], found: Sequence[Response]) -> Intervals:
    return Intervals.of([(start, stop) for start, stop in kept] + list(arrived([response.piece for response in found]).spans))


def _fold(package: str, kept: Sequence[tuple[int, int]], found: Sequence[Response]) -> None:
    """Of very many ranges those that are whole, and nothing can change, become intervals: each settling would else look at all of them.

    They stay for a minute, since one that breaks off may be written down after the next one that shows what arrived of it.
    """
    end = timezone.now() - SETTLED
    whole = [each for each in found if each.outcome == Outcome.DONE and each.ended is not None and each.ended < end][:MOST_FOLDED]
    if len(whole) < MANY:
        return
    Delivery.objects.filter(pk__in=[response.pk for response in whole]).update(counted=True)
    Package.objects.filter(pk=package).update(arrived=_union(kept, whole).spans)


def _bury(response: Response) -> Response:
    ended = timezone.now() if response.renewed is None else min(timezone.now(), response.renewed + BEAT)
    logger.warning("delivery %s", Outcome.BROKEN, extra={"reason": DIED, "first": response.first, "sent": response.sent})
    meters.count("deliveries", str(Outcome.BROKEN.value))
    return _change(response, outcome=Outcome.BROKEN, reason=DIED, ended=ended)


def _change(response: Response, **facts: Any) -> Response:
    """Unless its sender has written meanwhile, whose word counts."""
    Delivery.objects.filter(pk=response.pk, outcome=response.outcome, sent=response.sent).update(**facts)
    return replace(response, **facts)
